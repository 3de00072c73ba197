"""One release that the controller follows: its declaration, its evidence, what was measured."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.keep.releases import Release
from perennial.release.evidence import Evidence
from perennial.release.guardrails import Measurement, Setting, measure
from perennial.release.memory import Look, Memory

MEMORY_SECONDS = 1.0
"""How often both servers are asked for their memory, while questions come."""

TellMemory = Callable[[Release], tuple[float | None, float | None]]


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
