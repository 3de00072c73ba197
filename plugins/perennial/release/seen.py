"""What is kept of what both versions of a release have shown: counts and moments."""

from __future__ import annotations

from dataclasses import dataclass, field

from perennial.measure.interleaving import Credit
from perennial.measure.quantiles import LogCounts
from perennial.measure.sequential import Moments
from perennial.measure.shapes import PairedShapes, Shape

MOST_PAIRS = 5_000
"""Pairs of scores that are kept for the rank correlation; it is known well enough by then."""


@dataclass
class Arm:
    """What one version has shown in one phase. A request counts once, whatever its size."""

    n: int = 0
    """Requests."""
    n_failed: float = 0
    """Requests that it failed to answer; one of which some questions failed counts in part."""
    latency_ms: LogCounts = field(default_factory=LogCounts)
    scores: Moments = field(default_factory=Moments)
    """Mean score of each request."""
    spread: Moments = field(default_factory=Moments)
    """Score of each question: its deviation is the unit of shifts and losses in a regression."""
    shape: Shape = field(default_factory=Shape)
    losses: Moments = field(default_factory=Moments)
    """Loss of each question whose label is known."""


@dataclass
class Pairs:
    """What both versions have shown on the same questions in one phase."""

    shift: Moments = field(default_factory=Moments)
    """New score minus old: mean of each request."""
    shape: PairedShapes = field(default_factory=PairedShapes)
    losses: Moments = field(default_factory=Moments)
    """New loss minus old, of each question."""
    old: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    n_ranked: int = 0
    """Requests that `old` and `new` are of."""


Group = tuple[str, str]
"""A declared slice and one of its values."""


@dataclass
class Phase:
    """The evidence of one phase; the same questions over the same time for both versions."""

    after_seq: int
    old: Arm = field(default_factory=Arm)
    new: Arm = field(default_factory=Arm)
    pairs: Pairs = field(default_factory=Pairs)
    groups: dict[Group, Phase] = field(default_factory=dict)
    """The same of the questions that have one value of a declared slice."""
    credit: Credit = field(default_factory=Credit)
    """Which of the interleaved rankings were preferred."""

    def arm(self, is_new: bool) -> Arm:
        """The new version's evidence, or the old one's."""
        return self.new if is_new else self.old

    def of(self, groups: tuple[Group, ...]) -> list[Phase]:
        """This, and what is kept of each of the groups."""
        kept = [self.groups.setdefault(each, Phase(self.after_seq)) for each in groups]
        return [self, *kept]


@dataclass
class Request:
    """The questions of one request that one version was asked, as long as more may come."""

    n: int = 0
    n_failed: int = 0
    latency_ms: float | None = None
    scores: list[float] = field(default_factory=list)
    pairs: list[tuple[float, float]] = field(default_factory=list)
    """Old score and new, of those that both answered."""

    def fail(self, n: int = 1) -> None:
        """Count questions that were not answered, or not by a usable score."""
        self.n += n
        self.n_failed += n

    def answer(self, score: float, latency_ms: float) -> None:
        """Count one answer."""
        self.n += 1
        self.scores.append(score)
        self.latency_ms = latency_ms

    def close(self, phase: Phase, is_new: bool, cuts: tuple[float, ...]) -> None:
        """Count it as one observation: what is asked together fails and shifts together."""
        arm = phase.arm(is_new)
        arm.n += 1
        arm.n_failed += self.n_failed / self.n
        if self.scores:
            arm.scores = arm.scores.add(sum(self.scores) / len(self.scores))
            arm.latency_ms.add(self.latency_ms or 0.0)
        for score in self.scores:
            arm.spread = arm.spread.add(score)
            if cuts:
                arm.shape.add(score, cuts, 1 / len(self.scores))
        if self.pairs:
            self._close_pairs(phase.pairs, cuts)

    def _close_pairs(self, pairs: Pairs, cuts: tuple[float, ...]) -> None:
        moved = sum(new - old for old, new in self.pairs)
        pairs.shift = pairs.shift.add(moved / len(self.pairs))
        for old, new in self.pairs if cuts else ():
            pairs.shape.add(old, new, cuts, 1 / len(self.pairs))
        if len(pairs.old) + len(self.pairs) <= MOST_PAIRS:
            pairs.old += [old for old, _ in self.pairs]
            pairs.new += [new for _, new in self.pairs]
            pairs.n_ranked += 1
