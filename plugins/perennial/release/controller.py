"""The release controller: ticks what is under way, whether anything else runs or not.

All that it knows is in the ledger and the journals, so that it may be killed at any moment and the
next one goes on. Each step is one transaction; nothing is decided on what it only remembers.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.declare.release import Release as Declared
from perennial.deploy import waiting
from perennial.errors import BusyError, PerennialError
from perennial.keep import locks, release_changes, releases
from perennial.keep.ledger import Ledger, Slot
from perennial.keep.release_changes import Change
from perennial.keep.releases import Release
from perennial.release import machine
from perennial.release.evidence import Evidence
from perennial.release.guardrails import Measurement, Setting, measure
from perennial.release.machine import Known
from perennial.release.memory import Look, Memory
from perennial.release.mirroring import Mirrors
from perennial.release.parity_gate import ParityGate
from perennial.release.recording import Recording

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
SHOW_SECONDS = 2.0
"""How often waiting readers see new measurements."""


MEMORY_SECONDS = 1.0
"""How often both servers are asked for their memory, while questions come."""

TellMemory = Callable[[Release], tuple[float | None, float | None]]

ASK_SECONDS = 2.0
"""How often a promoted version's server is asked whether it is there."""

UNDECLARED = Declared.model_validate({"time_limit_hours": 1e6})
"""What holds while a model's declaration cannot be read: nobody can say that its time is over."""


class Followed:
    """One release: its declaration, its evidence, and what was last shown of it."""

    def __init__(self, project: Project, ledger: Ledger, release: Release) -> None:
        self.revision = release.revision
        self.declared: Model = Project(project.root, project.settings).model(release.model)
        self.is_probability = self.declared.task == "binary"
        self.evidence = Evidence(
            project.var / "journal",
            release,
            releases.phases(releases.record(ledger, release.id)),
            self.is_probability,
            self.declared.release.guardrails.slices,
        )
        self.memory = Memory.resumed(json.loads(release.measured))
        self.memory_at = -float("inf")
        self.measured: list[Measurement] = []
        self.shown_at = -float("inf")
        self.asked_at = -float("inf")
        self.silent_since: float | None = None

    def look(self, release: Release, tell_mb: TellMemory) -> list[Measurement]:
        """The guardrails after what was journaled since; empty before there is any phase."""
        n_new = self.evidence.read()
        if n_new and time.monotonic() - self.memory_at >= MEMORY_SECONDS:
            self.memory_at = time.monotonic()
            self._look_at_memory(*tell_mb(release))
        if self.evidence.phases and (n_new or not self.measured):
            setting = Setting(self.declared.release, release.state, self.is_probability)
            cuts, memory = self.evidence.cuts, self.memory
            self.measured = measure(self.evidence.phases, setting, cuts, memory)
        return self.measured

    def _look_at_memory(self, old_mb: float | None, new_mb: float | None) -> None:
        if new_mb is not None:
            n_old, n_new = (self.evidence.n_requests(is_new) for is_new in (False, True))
            self.memory.take(Look(n_old, n_new, old_mb, new_mb))

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
                followed.look(release, self._tell_mb)
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
        slot = self._slot(release.model, release.slot, release.version)
        return Known(
            now=datetime.now(UTC),
            champion=current[0].version if current else None,
            is_proven=slot is not None,
            is_ready=release.state == "pending" and slot is not None and self._answers(slot),
            n=followed.n(release) if followed else 0,
            measured=followed.measured if followed and release.state != "rolling_back" else [],
            blind=blind,
            silent_seconds=self._silent(release, followed, slot) if followed else 0.0,
        )

    def _silent(self, release: Release, followed: Followed, slot: Slot | None) -> float:
        """For how long the promoted server has been silent while the old one answers, in s."""
        now = time.monotonic()
        if release.state != "promoted" or slot is None or release.stable_slot is None:
            return 0.0
        if now - followed.asked_at >= ASK_SECONDS:
            followed.asked_at = now
            old = self._slot(release.model, release.stable_slot, release.stable_version)
            is_missed = not self._answers(slot) and old is not None and self._answers(old)
            followed.silent_since = (followed.silent_since or now) if is_missed else None
        return now - followed.silent_since if followed.silent_since is not None else 0.0

    def _tell_mb(self, release: Release) -> tuple[float | None, float | None]:
        """Megabytes that the servers of the old version and of the new one take."""
        old, new = (
            (release.stable_slot, release.stable_version),
            (release.slot, release.version),
        )
        slots = [self._slot(release.model, name or "", version) for name, version in (old, new)]
        settings = self.project.settings
        old_mb, new_mb = (
            waiting.memory_mb(each.port, settings.host_of(each.model, each.slot)) if each else None
            for each in slots
        )
        return old_mb, new_mb

    def _answers(self, slot: Slot) -> bool:
        host = self.project.settings.host_of(slot.model, slot.slot)
        return waiting.is_ready(slot.port, host=host)

    def _slot(self, model: str, name: str, version: str | None) -> Slot | None:
        wanted = (name, version, "proven")
        return next(
            (
                slot
                for slot in self.ledger.slots(model)
                if (slot.slot, slot.version, slot.state) == wanted
            ),
            None,
        )

    def _show(self, release: Release, followed: Followed, shown: list[dict[str, Any]]) -> None:
        if shown and time.monotonic() - followed.shown_at >= SHOW_SECONDS:
            release_changes.show_measured(self.ledger, release, shown)
            followed.shown_at = time.monotonic()


def crash_point(name: str) -> None:
    """Die here as by `kill -9` when a test says so in `PERENNIAL_CRASH_AT`."""
    if os.environ.get("PERENNIAL_CRASH_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
