"""One release, simulated request by request, judged by the guardrails themselves."""

from __future__ import annotations

from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from perennial.declare.release import Release as Declared
from perennial.measure.shapes import deciles
from perennial.release.guardrails import Measurement, Setting, measure
from perennial.release.memory import Look, Memory
from perennial.release.seen import Group, Phase, Request
from simulated.candidates import Candidate, close, truths

ARMED = 300
"""Requests after a promotion that are still looked at."""
LATE = 100
"""After how many requests a label is known."""
ORIGINS, CARRIERS = ("EWR", "JFK", "LGA"), tuple("ABCDEFGHIJ")
SHARES = np.cumsum([0.2, 0.15, 0.15, 0.1, 0.1, 0.1, 0.08, 0.06, 0.04]).tolist()
"""Of the carriers, one after another."""


@dataclass(frozen=True)
class Ended:
    """How one release ended."""

    state: str
    why: str
    n: int
    """Questions until the decision: the promotion, the rollback, or the time limit."""
    was_promoted: bool


@dataclass
class World:
    """One release, request by request."""

    declared: Declared
    candidate: Candidate
    random: np.random.Generator
    n: int = 0
    step: int = -1
    """-1 in shadow, then the canary's steps."""
    is_promoted: bool = False
    cuts: tuple[float, ...] = ()
    memory: Memory = field(default_factory=Memory)
    labels: deque[Callable[[], None]] = field(default_factory=deque)
    first: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.phases = [Phase(0)]

    @property
    def state(self) -> str:
        return "promoted" if self.is_promoted else "shadow" if self.step < 0 else "canary"

    def ask(self) -> None:
        """One request: answered, copied where copies are made, its label known later."""
        random, now = self.random, self.phases[-1]
        self.n += 1
        p, carrier = float(truths(random)), CARRIERS[bisect(SHARES, random.random())]
        groups = (("carrier", carrier), ("origin", ORIGINS[int(3 * random.random())]))
        label, both = float(random.random() < p), self.state != "canary"
        tries_new = not both and random.random() < self.declared.steps[self.step]
        new = _number(self.candidate.score(p, carrier, random)) if both or tries_new else None
        old = None if tries_new else _number(close(p, carrier, random))
        for is_new, score in ((False, old), (True, new)):
            if both or is_new == tries_new:
                has_pair = is_new and old is not None and new is not None
                pairs = [(old, new)] if has_pair else []
                self._observe(now, groups, is_new, score, pairs)
        if old is not None and not self.cuts:
            self.first.append(old)
            self.cuts = deciles(self.first) if len(self.first) >= 50 else ()
        self.labels.append(partial(_label, now, groups, old, new, label))
        if len(self.labels) > LATE:
            self.labels.popleft()()

    def _observe(
        self,
        now: Phase,
        groups: tuple[Group, ...],
        is_new: bool,
        score: float | None,
        pairs: list[tuple[float, float]],
    ) -> None:
        extra = self.candidate.extra_ms if is_new else 0.0
        ms = float(self.random.lognormal(np.log(8), 0.5)) + extra
        request = Request(1, int(score is None), ms, [] if score is None else [score], pairs)
        for phase in now.of(groups):
            request.close(phase, is_new, self.cuts)

    def look(self) -> list[Measurement]:
        """What the controller measures."""
        n_old, n_new = (sum(each.arm(is_new).n for each in self.phases) for is_new in (False, True))
        warm = 20 * (1 - np.exp(-n_new / 50)), 0.1 * self.random.normal(size=2)
        old_mb, new_mb = (200 + warm[0] + noise for noise in warm[1])
        leaked = self.candidate.leak_mb * n_new / 1000
        self.memory.take(Look(n_old, n_new, float(old_mb), float(new_mb + leaked)))
        setting = Setting(self.declared, self.state, True)
        return measure(self.phases, setting, self.cuts, self.memory)

    def may_step(self, found: Sequence[Measurement]) -> bool:
        """As the controller's machine decides."""
        shadow, now = self.declared.shadow, self.phases[-1]
        n, n_min = now.new.n, self.declared.min_requests
        if self.state == "shadow" and shadow is not None:
            n, n_min = now.pairs.shift.n, shadow.min_requests
        return n >= n_min and all(not each.is_needed or each.outcome == "passed" for each in found)

    def go_on(self) -> None:
        """The next step, or the promotion."""
        self.step += 1
        self.is_promoted = self.step >= len(self.declared.steps)
        self.phases.append(Phase(self.n))


def _number(score: Any) -> float | None:
    return None if score is None else float(score)


def _label(
    phase: Phase, groups: tuple[Group, ...], old: float | None, new: float | None, label: float
) -> None:
    losses = [None if score is None else (score - label) ** 2 for score in (old, new)]
    for each in phase.of(groups):
        for arm, loss in zip((each.old, each.new), losses, strict=True):
            if loss is not None:
                arm.losses = arm.losses.add(loss)
        if losses[0] is not None and losses[1] is not None:
            each.pairs.losses = each.pairs.losses.add(losses[1] - losses[0])


def live(declared: Declared, candidate: Candidate, seed: Sequence[int], most: int) -> Ended:
    """One release from its first request to its end."""
    world = World(declared, candidate, np.random.default_rng(seed))
    promoted_at = 0
    for n in looks(most):
        while world.n < n:
            world.ask()
        found = world.look()
        failed = [each for each in found if each.outcome == "failed"]
        if failed:
            return Ended("rolled back", failed[0].guardrail, world.n, world.is_promoted)
        if world.is_promoted and world.n >= promoted_at + ARMED:
            return Ended("promoted", "", promoted_at, True)
        if not world.is_promoted and world.may_step(found):
            world.go_on()
            promoted_at = world.n
    waits = [each.guardrail for each in found if each.is_needed and each.outcome != "passed"]
    return Ended("champion stays", " ".join(waits), world.n, world.is_promoted)


def looks(most: int) -> Iterator[int]:
    """After how many requests is looked: every ten, later every twentieth part more."""
    n = 10
    while n <= most:
        yield n
        n += max(10, n // 20)
