"""What both versions of a release have shown, phase by phase, read from the journals.

Evidence is a function of the journals and of where each phase begins in them, so that a controller
that was killed finds the very same again. It is held as counts and moments, whatever the traffic.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perennial.keep.journal import Entry, Reader
from perennial.keep.releases import Recorded, Release
from perennial.measure.sequential import Moments

MOST_PAIRS = 5_000
"""Pairs of scores that are kept for the rank correlation; it is known well enough by then."""

MOST_WAITING = 100_000
"""Answers that are remembered until their copy and their label come; the oldest are let go."""


@dataclass
class Arm:
    """What one version has shown in one phase."""

    n: int = 0
    n_failed: int = 0
    n_slow: int = 0
    scores: Moments = field(default_factory=Moments)
    losses: Moments = field(default_factory=Moments)

    @property
    def n_answered(self) -> int:
        """Questions that it answered with a usable score."""
        return self.n - self.n_failed


@dataclass
class Pairs:
    """What both versions have shown on the same questions in one phase."""

    shift: Moments = field(default_factory=Moments)
    """New score minus old."""
    losses: Moments = field(default_factory=Moments)
    """New loss minus old."""
    old: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)


@dataclass
class Phase:
    """The evidence of one phase; the same questions over the same time for both versions."""

    after_seq: int
    old: Arm = field(default_factory=Arm)
    new: Arm = field(default_factory=Arm)
    pairs: Pairs = field(default_factory=Pairs)

    def arm(self, is_new: bool) -> Arm:
        """The new version's evidence, or the old one's."""
        return self.new if is_new else self.old


@dataclass
class Waiting:
    """An answer whose copy or label may still come."""

    phase: Phase
    is_new: bool
    score: float
    copy: float | None = None


class Evidence:
    """Follows the journals for one release.

    A score that is missing, not finite or (for probabilities) not from 0 to 1 is a failure: it is
    counted, and never compared.
    """

    def __init__(
        self,
        journal: Path,
        release: Release,
        record: Sequence[Recorded],
        slow_ms: float,
        is_probability: bool,
    ) -> None:
        self.phases = [Phase(each.after_seq) for each in record if _begins_phase(each)]
        self.n_let_go = 0
        self._release, self._slow_ms, self._is_probability = release, slow_ms, is_probability
        begins = self.phases[0].after_seq if self.phases else release.after_seq
        self._answers = Reader(journal / "predictions", after=begins)
        self._labels = Reader(journal / "feedback", after=release.labels_after_seq)
        self._waiting: dict[str, Waiting] = {}

    @property
    def seen_seq(self) -> int:
        """The last entry that was read: a next phase begins after it."""
        return self._answers.after

    @property
    def now(self) -> Phase:
        """The newest phase; an empty one before the first begins."""
        return self.phases[-1] if self.phases else Phase(self._release.after_seq)

    def begin(self, after_seq: int) -> None:
        """Count what comes after this entry as a phase of its own."""
        self.phases.append(Phase(after_seq))

    def read(self) -> int:
        """Take in what was journaled since; how many entries that were.

        Labels are polled first: an answer is always journaled before its label.
        """
        labels = list(_all(self._labels))
        n = len(labels)
        for entry in _all(self._answers):
            self._take(entry)
            n += 1
        for entry in labels:
            self._label(entry.content)
        return n

    def _take(self, entry: Entry) -> None:
        content = entry.content
        place = bisect_left([each.after_seq for each in self.phases], entry.seq) - 1
        if place < 0 or content.get("release_id") != self._release.id:
            return
        phase = self.phases[place]
        kind = content.get("kind", "answer")
        if kind == "failure":
            self._fail(phase, content.get("version"), int(content.get("n", 1)))
        elif kind == "shadow":
            self._copy(phase, content)
        elif content.get("fallback"):  # the challenger's question: the champion only helped out
            self._fail(phase, content["fallback"].get("version"), 1)
        else:
            self._answer(phase, content)

    def _fail(self, phase: Phase, version: str | None, n: int) -> None:
        is_new = self._is_new(version)
        if is_new is not None:
            phase.arm(is_new).n += n
            phase.arm(is_new).n_failed += n

    def _answer(self, phase: Phase, content: dict[str, Any]) -> None:
        is_new = self._is_new(content.get("version"))
        if is_new is None:
            return
        score = self._observe(phase.arm(is_new), content)
        if score is not None:
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.pop(next(iter(self._waiting)))
                self.n_let_go += 1
            self._waiting[content.get("prediction_id", "")] = Waiting(phase, is_new, score)

    def _copy(self, phase: Phase, content: dict[str, Any]) -> None:
        is_new = self._is_new(content.get("version"))
        if is_new is None:
            return
        answer = self._waiting.get(content.get("prediction_id", ""))
        if answer is not None:
            phase = answer.phase  # a copy may come after the next phase began
        score = self._observe(phase.arm(is_new), content)
        if score is None or answer is None or answer.copy is not None or answer.is_new == is_new:
            return
        answer.copy = score
        new, old = (score, answer.score) if is_new else (answer.score, score)
        pairs = phase.pairs
        pairs.shift = pairs.shift.add(new - old)
        if len(pairs.old) < MOST_PAIRS:
            pairs.old.append(old)
            pairs.new.append(new)

    def _observe(self, arm: Arm, content: dict[str, Any]) -> float | None:
        """Count one answer; its score, or None when it is a failure."""
        arm.n += 1
        score = self._usable(content.get("score"))
        if score is None:
            arm.n_failed += 1
            return None
        arm.n_slow += float(content.get("latency_ms") or 0.0) > self._slow_ms
        arm.scores = arm.scores.add(score)
        return score

    def _usable(self, score: Any) -> float | None:
        if isinstance(score, bool) or not isinstance(score, int | float):
            return None
        is_sane = math.isfinite(score) and (not self._is_probability or 0 <= score <= 1)
        return float(score) if is_sane else None

    def _label(self, content: dict[str, Any]) -> None:
        """Add the losses of an answer; the first label of each counts."""
        answer = self._waiting.get(content.get("prediction_id", ""))
        label = content.get("label")
        if answer is None or not isinstance(label, int | float) or not math.isfinite(label):
            return
        del self._waiting[content["prediction_id"]]
        loss = self._loss(answer.score, label)
        arm = answer.phase.arm(answer.is_new)
        arm.losses = arm.losses.add(loss)
        if answer.copy is not None:
            other = self._loss(answer.copy, label)
            pairs = answer.phase.pairs
            pairs.losses = pairs.losses.add(loss - other if answer.is_new else other - loss)

    def _loss(self, score: float, label: float) -> float:
        return (score - label) ** 2 if self._is_probability else abs(score - label)

    def _is_new(self, version: str | None) -> bool | None:
        """Whether it is the release's version; None when it is neither that nor the one before."""
        if version is None:
            return None
        if version == self._release.version:
            return True
        return False if version == self._release.stable_version else None


def _begins_phase(recorded: Recorded) -> bool:
    return recorded.state in ("shadow", "canary", "promoted")


def _all(reader: Reader) -> Iterator[Entry]:
    while entries := reader.poll():
        yield from entries
