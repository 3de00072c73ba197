"""The small contract that every family of learners keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from perennial.declare.model import Task
from perennial.declare.train import Train

FloatArray = npt.NDArray[np.float64]
DayArray = npt.NDArray[np.datetime64]

Rows = Any
"""Rows in any of three shapes, all with named feature columns: a pyarrow Table, a mapping from
column name to its values, or a sequence of mappings (one a row). None and NaN are missing."""

OnRound = Callable[[int], None]
"""Called with the number of rounds done since the last call."""


@dataclass(frozen=True)
class Evidence:
    """What a learner learns from: n rows with labels, in the order of their days."""

    rows: Rows
    labels: FloatArray
    """Shape (n,); 0 or 1 for the task binary."""
    days: DayArray
    """The UTC day of each row, shape (n,)."""


@dataclass(frozen=True)
class Curve:
    """How the loss fell, round by round, on the days learned from and on the held-out days."""

    metric: str
    training: tuple[float, ...]
    validation: tuple[float, ...]


@dataclass(frozen=True)
class Explanation:
    """Why each answer is what it is: base plus contributions is the raw score, exactly.

    The raw score is the log-odds for the task binary, the answer itself for regression.
    """

    features: tuple[str, ...]
    base: FloatArray
    """The raw score that knows nothing about the row, shape (n,)."""
    contributions: FloatArray
    """What each feature adds to it, shape (n, number of features)."""


class Learner(Protocol):
    """Something fitted that answers. Its files are text or safe tensors, never pickle."""

    @property
    def family(self) -> str:
        """The family it is of."""
        ...

    @property
    def task(self) -> Task:
        """What kind of answer it gives."""
        ...

    @property
    def features(self) -> tuple[str, ...]:
        """The columns it needs, in its order."""
        ...

    def predict(self, rows: Rows) -> FloatArray:
        """The answers (n,): probabilities for binary, numbers in the label's unit otherwise."""
        ...

    def explain(self, rows: Rows) -> Explanation:
        """The answers taken apart, feature by feature."""
        ...

    def importance(self) -> dict[str, float]:
        """Per feature its share in what was learned, between 0 and 1, summing to 1."""
        ...

    def save(self) -> dict[str, bytes]:
        """The files that hold it, by name; the same learner gives the same bytes."""
        ...

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The learner that `save` gave these bytes for; they must have been verified."""
        ...


@dataclass(frozen=True)
class Fitted:
    """A learner and how it came about."""

    learner: Learner
    n_rounds: int
    is_stopped_early: bool
    curve: Curve
    validation_loss: float
    """The curve's metric on the held-out days."""


State = Mapping[str, bytes]
"""What a strategy needs to go on learning later, by file name: a reservoir, a Fisher information,
adapters. It is kept with the version and never touches an answer; safe formats only."""


@dataclass(frozen=True)
class Start:
    """What a strategy goes on from: a learner, and the state that was kept with it."""

    learner: Learner
    state: State = field(default_factory=dict)


class Fit(Protocol):
    """How a family learns: evidence and a declaration in, something fitted out.

    `checkpoint` is a folder of this very training, where a family may write what it needs to go on
    after it was killed; the result is the same as without. The caller removes it in the end.
    """

    def __call__(
        self,
        evidence: Evidence,
        task: Task,
        declared: Train,
        on_round: OnRound,
        checkpoint: Path | None = None,
    ) -> Fitted: ...


class Transfer(Protocol):
    """How a family learns when it starts from what another model's learner knows."""

    def __call__(
        self,
        base: Learner,
        evidence: Evidence,
        task: Task,
        declared: Train,
        on_round: OnRound,
        checkpoint: Path | None = None,
    ) -> Fitted: ...


@dataclass(frozen=True)
class Lesson:
    """What a strategy is given: what it goes on from, with what, how far.

    With `later` it may choose by these rows how far it goes; without it goes as far as `n_rounds`
    says, which a lesson with `later` has found.
    """

    start: Start
    evidence: Evidence
    declared: Train
    on_round: OnRound
    later: Evidence | None = None
    n_rounds: int | None = None
    checkpoint: Path | None = None


Learn = Callable[[Lesson], Fitted]
"""How a strategy goes on from a champion with new evidence. Raises NotEnoughEvidenceError when the
champion has no state that the strategy needs."""


class Remember(Protocol):
    """What a strategy wants kept after a learner has learned from evidence.

    `was` is the state of the learner that it went on from; empty after learning from scratch.
    Called with the same evidence twice it remembers it once.
    """

    def __call__(
        self, learner: Learner, evidence: Evidence, declared: Train, was: State
    ) -> dict[str, bytes]: ...


@dataclass(frozen=True)
class Way:
    """One stateful strategy of one family."""

    learn: Learn
    remember: Remember | None = None
    only_new: bool = True
    """Whether it learns only from days that the champion has not seen, or from all recent ones."""

    def go_on(
        self,
        start: Start,
        evidence: Evidence,
        declared: Train,
        on_round: OnRound,
        later: Evidence | None = None,
        n_rounds: int | None = None,
        checkpoint: Path | None = None,
    ) -> Fitted:
        """Learn one lesson."""
        return self.learn(Lesson(start, evidence, declared, on_round, later, n_rounds, checkpoint))


def n_rows_of(rows: Rows) -> int:
    """How many rows there are, whatever their shape.

    >>> n_rows_of([{"a": 1}, {"a": 2}]), n_rows_of({"a": [1, 2, 3]})
    (2, 3)
    """
    if isinstance(rows, Mapping):
        return len(next(iter(rows.values()))) if rows else 0
    return len(rows) if isinstance(rows, Sequence) else int(rows.num_rows)
