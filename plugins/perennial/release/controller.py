"""The release controller: ticks what is under way, whether anything else runs or not.

All that it knows is in the ledger and the journals, so that it may be killed at any moment and the
next one goes on. Each step is one transaction; nothing is decided on what it only remembers.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from perennial.declare.project import Project
from perennial.declare.release import Release as Declared
from perennial.errors import BusyError, PerennialError
from perennial.keep import locks, release_changes, releases
from perennial.keep.ledger import Ledger
from perennial.keep.release_changes import Change
from perennial.keep.releases import Release
from perennial.release import machine
from perennial.release.followed import Followed
from perennial.release.guardrails import Measurement
from perennial.release.machine import Known
from perennial.release.mirroring import Mirrors
from perennial.release.parity_gate import ParityGate
from perennial.release.recording import Recording
from perennial.release.servers import Servers

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
SHOW_SECONDS = 2.0
"""How often waiting readers see new measurements."""

UNDECLARED = Declared.model_validate({"time_limit_hours": 1e6})
"""What holds while a model's declaration cannot be read: nobody can say that its time is over."""


class Controller:
    """Moves every open release on by what the journals show."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.ledger = Ledger.of(project)
        self._followed: dict[int, Followed] = {}
        self._told: dict[int, str] = {}
        self._mirrors = Mirrors(project)
        self._servers = Servers(project, self.ledger)
        self._parities = ParityGate(project, self.ledger)
        self._recording = Recording(project, self.ledger)

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop; one controller at a time."""
        with locks.exclusive(self.project.var / "locks", "controller"):
            logger.info("the release controller runs")
            self._recording.catch_up()
            while not stop.is_set():
                self.tick()
                stop.wait(TICK_SECONDS)
            self._parities.close()

    def tick(self) -> None:
        """Look once at everything; what fails for one model is told and holds up no other."""
        try:
            under_way = releases.all_open(self.ledger)
            behind = releases.not_mirrored(self.ledger)
        except SQLAlchemyError as error:
            logger.warning("the ledger cannot be read, everything stays as it is: %s", error)
            return
        for gone in self._followed.keys() - {each.id for each in under_way}:
            del self._followed[gone]
        for release in under_way:
            try:
                self.step(release)
            except BusyError as error:
                logger.info("%s; looking again", error)
            except Exception as error:
                if self._is_news(release, error):
                    logger.exception("release %d of %s waits", release.id, release.model)
        for model in {each.model for each in behind}:
            self._mirrors.follow(model)

    def _is_news(self, release: Release, error: Exception) -> bool:
        """Whether it waits for another reason than the one told last."""
        before = self._told.get(release.id)
        self._told[release.id] = f"{type(error).__name__}: {error}"
        return before != self._told[release.id]

    def step(self, release: Release) -> Release:
        """Take the transition that is due, if one is; the release as it then is."""
        followed, blind = self._look(release)
        if followed is not None:
            wanted, n = followed.declared.release, followed.n(release)
            followed.measured = self._parities.beside(release, wanted, followed.measured, n)
        known = self._known(release, followed, blind)
        declared = followed.declared.release if followed else self._declared(release)
        change = machine.next_change(release, declared, known)
        shown = [each.shown() for each in known.measured]
        if change is not None:
            return self._change(release, change, followed, shown)
        if followed is not None:
            self._show(release, followed, shown)
        self._recording.look(release, known.measured)
        return release

    def _declared(self, release: Release) -> Declared:
        """What its model declares, as far as that can be read."""
        try:
            return Project(self.project.root, self.project.settings).model(release.model).release
        except (PerennialError, OSError):  # told where the evidence is looked for
            return UNDECLARED.model_copy(update={"kind": release.kind})

    def measured(self, release: Release) -> tuple[Sequence[Measurement], str | None]:
        """The guardrails at this moment, and why they cannot be measured when they cannot."""
        followed, blind = self._look(release)
        if followed is None:
            return [], blind
        wanted = followed.declared.release
        return self._parities.at_once(release, wanted, followed.measured), blind

    def _look(self, release: Release) -> tuple[Followed | None, str | None]:
        """What is known of a release, and why its evidence cannot be read when it cannot."""
        followed = self._followed.get(release.id)
        try:
            if followed is None or followed.revision != release.revision:  # somebody changed it
                followed = Followed(self.project, self.ledger, release)
                self._followed[release.id] = followed
            if release.state != "rolling_back":
                followed.look(release, self._servers.tell_mb)
        except SQLAlchemyError:
            raise
        except Exception as error:
            self._followed.pop(release.id, None)  # half of what it read may be counted
            if self._is_news(release, error):
                logger.exception("release %d of %s waits", release.id, release.model)
            return None, f"{type(error).__name__}: {error}"[:500]
        return followed, None

    def _change(
        self,
        release: Release,
        change: Change,
        followed: Followed | None,
        shown: list[dict[str, Any]],
    ) -> Release:
        crash_point(f"before {change.state}")
        begins = followed is not None and change.begins_phase
        after_seq = followed.evidence.seen_seq if followed and begins else None
        after = release_changes.transition(
            self.ledger, release, change, "controller", shown, after_seq=after_seq
        )
        crash_point(f"after {change.state}")
        logger.info("release %d of %s: %s: %s", after.id, after.model, after.state, after.why)
        if followed is not None:
            followed.revision = after.revision
        if followed is not None and after_seq is not None:
            followed.evidence.begin(after_seq)
            followed.measured = []
        self._recording.look(after)
        return after

    def _known(self, release: Release, followed: Followed | None, blind: str | None) -> Known:
        current = self.ledger.current(release.model)
        slot = self._servers.new(release)
        is_waiting = release.state == "pending"
        return Known(
            now=datetime.now(UTC),
            champion=current[0].version if current else None,
            is_proven=slot is not None,
            is_ready=is_waiting and slot is not None and self._servers.answers(slot),
            n=followed.n(release) if followed else 0,
            measured=followed.measured if followed and release.state != "rolling_back" else [],
            blind=blind,
            silent_seconds=self._servers.silent_seconds(release, followed) if followed else 0.0,
        )

    def _show(self, release: Release, followed: Followed, shown: list[dict[str, Any]]) -> None:
        if shown and time.monotonic() - followed.shown_at >= SHOW_SECONDS:
            release_changes.show_measured(self.ledger, release, shown)
            followed.shown_at = time.monotonic()


def crash_point(name: str) -> None:
    """Die here as by `kill -9` when a test says so in `PERENNIAL_CRASH_AT`."""
    if os.environ.get("PERENNIAL_CRASH_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
