"""How often is a healthy version rolled back, and after how many requests is a bad one caught?

    python benchmarks/simulate_releases.py [--runs 100] [--most 8000] [--only shipped]

Seeded; prints the table of docs/guardrails.md. Each run is a release as `models/flight_delay.yaml`
declares it (or with stricter limits): shadow, canary, and 300 requests after promotion, looked at
after every ten requests at first and every twentieth part later. Labels come 100 requests late.
A share has the exact interval of Clopper and Pearson (1934), doi:10.1093/biomet/26.4.404.
"""

from __future__ import annotations

import argparse
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np
from scipy import stats

from perennial.declare.guardrails import Guardrails
from perennial.declare.project import Project
from perennial.declare.release import Release as Declared
from perennial.measure.shapes import deciles
from perennial.release.guardrails import Measurement, Setting, measure
from perennial.release.memory import Look, Memory
from perennial.release.seen import Group, Phase, Request

ARMED = 300
LATE = 100
ORIGINS, CARRIERS = ("EWR", "JFK", "LGA"), tuple("ABCDEFGHIJ")
SHARES = np.array([0.2, 0.15, 0.15, 0.1, 0.1, 0.1, 0.08, 0.06, 0.04, 0.02])
STRICTER = {
    "errors": 0.02,
    "latency": {"quantile": 0.9, "extra_ms": 50},
    "score_shift": 0.05,
    "score_distribution": 0.2,
    "disagreement": 0.15,
    "loss": 0.03,
    "memory_mb": 10,
    "slices": ["origin", "carrier"],
}

Score = Callable[[float, str, np.random.Generator], float | None]
"""What a version says of a flight whose delay has this probability; None when it fails."""


def close(p: float, carrier: str, random: np.random.Generator) -> float | None:
    """Another training of the same: close, never the same."""
    return float(np.clip(p + random.normal(0, 0.04), 0, 1))


@dataclass(frozen=True)
class Candidate:
    """A version, and what it does differently."""

    score: Score = close
    extra_ms: float = 0.0
    leak_mb: float = 0.0
    """In 1,000 requests."""


def failing(share: float, only: str = "") -> Score:
    def score(p: float, carrier: str, random: np.random.Generator) -> float | None:
        fails = carrier == only if only else random.random() < share
        return None if fails else close(p, carrier, random)

    return score


def shifted(by: float, only: str = "") -> Score:
    def score(p: float, carrier: str, random: np.random.Generator) -> float | None:
        moved = by if only in ("", carrier) else 0.0
        return float(np.clip(p + moved + random.normal(0, 0.04), 0, 1))

    return score


def noisy(by: float) -> Score:
    """Wrong by its own noise, about the same mean: its Brier score grows by the square."""
    return lambda p, carrier, random: float(np.clip(p + random.choice((-by, by)), 0, 1))


def squeezed(p: float, carrier: str, random: np.random.Generator) -> float | None:
    """The same order and the same mean, of no use as a probability."""
    return float(0.4 + (p - 0.4) / 10)


def candidates(limits: dict[str, float]) -> dict[str, Candidate]:
    """Healthy ones, one at each limit, and those that are worse by twice what is allowed."""
    return {
        "healthy": Candidate(),
        "errors at the limit": Candidate(failing(limits["errors"])),
        "shift at the limit": Candidate(shifted(limits["score_shift"])),
        "errors, twice the limit": Candidate(failing(2 * limits["errors"])),
        "latency, twice the limit": Candidate(extra_ms=2 * limits["latency"]),
        "shift, twice the limit": Candidate(shifted(2 * limits["score_shift"])),
        "loss, twice the limit": Candidate(noisy((2 * limits["loss"]) ** 0.5)),
        "leak, twice the limit": Candidate(leak_mb=2 * limits["memory_mb"]),
        "squeezed to a tenth": Candidate(squeezed),
        "constant": Candidate(lambda *_: 0.4),
        "inverted": Candidate(lambda p, *_: 1 - p),
        "5xx": Candidate(failing(1.0)),
        "slow by 1 s": Candidate(extra_ms=1000),
        "one carrier of 10 % fails": Candidate(failing(1.0, only="E")),
        "one carrier of 10 % shifted by 0.5": Candidate(shifted(0.5, only="E")),
    }


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
        p, carrier = float(random.beta(1.6, 2.4)), str(random.choice(CARRIERS, p=SHARES))
        groups = (("carrier", carrier), ("origin", str(random.choice(ORIGINS))))
        label, both = float(random.random() < p), self.state != "canary"
        tries_new = not both and random.random() < self.declared.steps[self.step]
        new = self.candidate.score(p, carrier, random) if both or tries_new else None
        old = None if tries_new else close(p, carrier, random)
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


def one(name: str, setting: str, seed: int, most: int) -> Ended:
    """A run of one candidate in one setting."""
    declared = settings()[setting]
    limits = declared.guardrails.model_dump() | {"latency": _extra_ms(declared)}
    number = list(candidates(limits)).index(name)
    return live(declared, candidates(limits)[name], [seed, number], most)


@cache
def settings() -> dict[str, Declared]:
    """What the example ships with, and stricter limits."""
    project = Project(Path(__file__).parents[1])
    shipped = project.model("flight_delay").release
    limits = Guardrails.model_validate(STRICTER)
    strict = shipped.model_copy(update={"guardrails": limits, "steps": (0.5,)})
    return {"shipped": shipped, "stricter": strict}


def _extra_ms(declared: Declared) -> float:
    latency = declared.guardrails.latency
    return (latency.extra_ms if latency else None) or 0.0


def row(name: str, ended: Sequence[Ended]) -> str:
    """One line of the table."""
    n, total = sum(each.state == "rolled back" for each in ended), len(ended)
    low, high = interval(n, total)
    promoted = sum(each.was_promoted for each in ended)
    why = Counter(each.why for each in ended if each.state == "rolled back").most_common(2)
    told = ", ".join(f"{each} {times}" for each, times in why)
    counts = [each.n for each in ended if each.state != "champion stays"]
    middle = [f"{np.quantile(counts, q):.0f}" if counts else "" for q in (0.5, 0.9)]
    cells = [name, f"{n / total:.2f} ({low:.2f} to {high:.2f})", f"{promoted / total:.2f}"]
    return "| " + " | ".join([*cells, told, *middle]) + " |"


def interval(n: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share."""
    found = stats.binomtest(n, total).proportion_ci(confidence, "exact")
    return float(found.low), float(found.high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30, help="of a healthy one; a third of others")
    parser.add_argument("--most", type=int, default=2500, help="requests before the time limit")
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    with ProcessPoolExecutor(2) as pool:
        for setting, declared in settings().items():
            if asked.only not in setting:
                continue
            limits = declared.guardrails.model_dump() | {"latency": _extra_ms(declared)}
            print(f"\n{setting}\n\n| candidate | rolled back | ever promoted | by | requests: "
                  "median | 90 % |\n|---|---|---|---|---|---|")  # fmt: skip
            for name in candidates(limits):
                runs = asked.runs if name == "healthy" else max(1, asked.runs // 3)
                run = partial(one, name, setting, most=asked.most)
                print(row(name, list(pool.map(run, range(runs), chunksize=4))), flush=True)


if __name__ == "__main__":
    main()
