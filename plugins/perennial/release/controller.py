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
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.deploy import waiting
from perennial.errors import BusyError
from perennial.keep import locks, release_changes, releases
from perennial.keep.ledger import Ledger, Slot
from perennial.keep.release_changes import Change
from perennial.keep.releases import Release
from perennial.release import machine
from perennial.release.evidence import Evidence
from perennial.release.guardrails import Measurement, Setting, measure
from perennial.release.machine import Known
from perennial.release.mirroring import Mirrors

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
SHOW_SECONDS = 2.0
"""How often waiting readers see new measurements."""


class Followed:
    """One release: its declaration, its evidence, and what was last shown of it."""

    def __init__(self, project: Project, ledger: Ledger, release: Release) -> None:
        self.declared: Model = Project(project.root, project.settings).model(release.model)
        self.is_probability = self.declared.task == "binary"
        self.evidence = Evidence(
            project.var / "journal",
            release,
            releases.record(ledger, release.id),
            self.declared.release.guardrails.slow_ms,
            self.is_probability,
        )
        self.measured: list[Measurement] = []
        self.shown_at = -float("inf")

    def look(self, release: Release) -> list[Measurement]:
        """The guardrails after what was journaled since; empty before there is any phase."""
        n_new = self.evidence.read()
        if self.evidence.phases and (n_new or not self.measured):
            setting = Setting(self.declared.release, release.state, self.is_probability)
            self.measured = measure(self.evidence.phases, setting)
        return self.measured

    def n(self, release: Release) -> int:
        """Questions of this phase that count towards the next step."""
        now = self.evidence.now
        return now.new.n if release.state == "canary" else now.pairs.shift.n


class Controller:
    """Moves every open release on by what the journals show."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.ledger = Ledger.of(project)
        self._followed: dict[int, Followed] = {}
        self._told: dict[int, str] = {}
        self._mirrors = Mirrors(project)

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop; one controller at a time."""
        with locks.exclusive(self.project.var / "locks", "controller"):
            logger.info("the release controller runs")
            while not stop.is_set():
                self.tick()
                stop.wait(TICK_SECONDS)

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
        followed = self._followed.get(release.id)
        if followed is None:
            followed = self._followed[release.id] = Followed(self.project, self.ledger, release)
        measured = followed.look(release) if release.state != "rolling_back" else []
        known = self._known(release, followed, measured)
        change = machine.next_change(release, followed.declared.release, known)
        shown = [each.shown() for each in measured]
        if change is None:
            self._show(release, followed, shown)
            return release
        return self._change(release, change, followed, shown)

    def _change(
        self, release: Release, change: Change, followed: Followed, shown: list[dict[str, Any]]
    ) -> Release:
        crash_point(f"before {change.state}")
        begins = change.state in ("shadow", "canary", "promoted")
        after_seq = followed.evidence.seen_seq if begins else None
        after = release_changes.transition(
            self.ledger, release, change, "controller", shown, after_seq=after_seq
        )
        crash_point(f"after {change.state}")
        logger.info("release %d of %s: %s: %s", after.id, after.model, after.state, after.why)
        if after_seq is not None:
            followed.evidence.begin(after_seq)
            followed.measured = []
        return after

    def _known(self, release: Release, followed: Followed, measured: list[Measurement]) -> Known:
        current = self.ledger.current(release.model)
        slot = self._slot(release)
        return Known(
            now=datetime.now(UTC),
            champion=current[0].version if current else None,
            is_proven=slot is not None,
            is_ready=release.state == "pending" and slot is not None and _answers(slot),
            n=followed.n(release),
            measured=measured,
        )

    def _slot(self, release: Release) -> Slot | None:
        wanted = (release.slot, release.version, "proven")
        return next(
            (
                slot
                for slot in self.ledger.slots(release.model)
                if (slot.slot, slot.version, slot.state) == wanted
            ),
            None,
        )

    def _show(self, release: Release, followed: Followed, shown: list[dict[str, Any]]) -> None:
        if shown and time.monotonic() - followed.shown_at >= SHOW_SECONDS:
            release_changes.show_measured(self.ledger, release, shown)
            followed.shown_at = time.monotonic()


def _answers(slot: Slot) -> bool:
    return waiting.is_ready(slot.port)


def crash_point(name: str) -> None:
    """Die here as by `kill -9` when a test says so in `PERENNIAL_CRASH_AT`."""
    if os.environ.get("PERENNIAL_CRASH_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
