"""What follows when another version answers: the registry's alias `champion`.

It only mirrors the ledger's route; it may fail, be tried again and be done twice.
"""

from __future__ import annotations

import logging
import subprocess
import time

from perennial.declare.project import Project
from perennial.deploy.slot_process import command, environment
from perennial.keep import locks, release_changes, releases
from perennial.keep.ledger import Ledger
from perennial.train.registry import set_champion

logger = logging.getLogger(__name__)

AGAIN_SECONDS, AT_MOST_SECONDS = 30.0, 1800.0
"""How long until it is tried again when it failed: twice as long each time, and at most so long."""


def mirror(project: Project, model: str) -> None:
    """Point the registry's alias `champion` at what answers.

    One process at a time, so that an alias is never overtaken by an older one; twice is once.
    """
    ledger = Ledger.of(project)
    with locks.exclusive(project.var / "locks", f"mirror-{model}"):
        behind = [each for each in releases.not_mirrored(ledger) if each.model == model]
        current = ledger.current(model)
        if not behind or current is None or current[0].version is None:
            return
        set_champion(project, model, current[0].version)
        for release in behind:  # those that changed meanwhile are left for the next time
            release_changes.set_mirrored(ledger, release)


class Mirrors:
    """Mirrors in processes of their own: the registry's library is slow and large."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._n_failed: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    def follow(self, model: str) -> None:
        """Start mirroring a model, unless that runs already or has just failed; never waits."""
        running = self._running.get(model)
        if running is not None:
            if running.poll() is None:
                return
            del self._running[model]
            self._heed(model, running.returncode)
        if time.monotonic() >= self._not_before.get(model, 0.0):
            self._running[model] = subprocess.Popen(
                command("mirror", "--model", model),
                cwd=self._project.root,
                env=environment(self._project),
            )

    def _heed(self, model: str, returncode: int) -> None:
        if not returncode:
            self._n_failed.pop(model, None)
            return
        n_failed = self._n_failed[model] = self._n_failed.get(model, 0) + 1
        seconds = min(AGAIN_SECONDS * 2 ** (n_failed - 1), AT_MOST_SECONDS)
        self._not_before[model] = time.monotonic() + seconds
        logger.warning("the registry does not follow %s yet; again in %g s", model, seconds)
