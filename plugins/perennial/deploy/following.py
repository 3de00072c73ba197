"""Without a supervisor: a slot that follows the ledger, a process that ends at a release.

A slot on a machine of its own keeps its server at the version that the ledger assigns, starts it
again when it ends, and stops it when the version is found wrong. It is a supervisor of one.
"""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from perennial.deploy import waiting
from perennial.deploy.slot_process import command, environment, slot_named
from perennial.keep.ledger import Ledger

if TYPE_CHECKING:
    from perennial.declare.project import Project

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
PAUSE_SECONDS = 2.0
"""Between two starts of a server that ends by itself."""
GRACE_SECONDS = 10.0


class Follower:
    """One slot's server, kept at the version that the ledger assigns to the slot."""

    def __init__(self, project: Project, model: str, slot: str) -> None:
        self._project, self._model, self._slot = project, model, slot
        self._ledger = Ledger.of(project)
        self._ledger.reserve(project.model(model).name, project.settings.slot_port)
        slot_named(project, model, slot)
        self._assigned: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._version: str | None = None
        self._started_at = -float("inf")

    def run(self, stop: threading.Event) -> None:
        """Follow until told to stop; the server ends with this."""
        try:
            while not stop.is_set():
                self.tick()
                stop.wait(TICK_SECONDS)
        finally:
            self._end()

    def tick(self) -> None:
        """Have the server be as the ledger says, once."""
        wanted = self._wanted()
        if self._process is not None and (code := self._process.poll()) is not None:
            logger.warning("the server of %s ended (%s)", self._version, code)
            self._process = None
        if self._process is not None and self._version != wanted:
            self._end()
        is_rested = time.monotonic() - self._started_at >= PAUSE_SECONDS
        if wanted is not None and self._process is None and (is_rested or wanted != self._version):
            self._start(wanted)

    def _wanted(self) -> str | None:
        """The version to run; a ledger that does not answer leaves everything as it is."""
        try:
            place = slot_named(self._project, self._model, self._slot, self._ledger)
        except SQLAlchemyError as error:
            logger.warning("ledger not read, the server stays as it is: %s", error)
        else:
            self._assigned = place.version if place.state in ("assigned", "proven") else None
        return self._assigned

    def _start(self, version: str) -> None:
        logger.info("starting the server of %s", version)
        there = environment(self._project)
        there.pop("PERENNIAL_SLOT_HOST", None)  # else it would follow, too
        arguments = ("slot", "--model", self._model, "--slot", self._slot)
        self._process = subprocess.Popen(
            command(*arguments), cwd=self._project.root, env=there, stdin=subprocess.DEVNULL
        )
        self._version, self._started_at = version, time.monotonic()

    def _end(self) -> None:
        if self._process is None:
            return
        logger.info("stopping the server of %s", self._version)
        self._process.terminate()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def is_as_assigned(project: Project, model: str, slot: str) -> bool:
    """Whether the slot on this machine answers with its version, or has none to answer with."""
    place = slot_named(project, model, slot)
    if place.version is None or place.state not in ("assigned", "proven"):
        return True
    return waiting.running_version(place.port) == place.version


def end_at_a_release(project: Project, stop: threading.Event) -> None:
    """Set `stop` once another version serves, so that whoever starts this again starts it anew.

    For the freshener, which reads the definitions when it starts: a new version may need others.
    """
    ledger = Ledger.of(project)

    def versions() -> dict[str, str | None]:
        found = {model: ledger.current(model) for model in project.models}
        return {model: each[0].version if each else None for model, each in found.items()}

    def follow() -> None:
        while not stop.wait(TICK_SECONDS):
            try:
                if versions() != before:
                    logger.info("another version serves: ending, to be started anew")
                    stop.set()
            except SQLAlchemyError as error:
                logger.warning("ledger not read: %s", error)

    before = versions()
    threading.Thread(target=follow, daemon=True).start()
