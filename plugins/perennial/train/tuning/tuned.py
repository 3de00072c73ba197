"""The report of a tuning."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.keep.report import Report
from perennial.measure.metrics import Direction
from perennial.train.estimates import Value
from perennial.train.tuning.budget import Ended

Verdict = Literal["declared", "better", "not_told_apart", "worse"]


class FoldTold(Frozen):
    """One fold: what was learned from, what was judged on, and what came out."""

    start: date
    end: date = Field(description="The first day after it.")
    n_learned: int
    n_judged: int
    declared: float = Field(description="The metric of the declared parameters.")
    best: float = Field(description="The metric of the best trial.")


class TrialTold(Frozen):
    """One trial."""

    number: int = Field(description="0 is that of the declared parameters.")
    state: Literal["complete", "pruned"]
    value: float | None = Field(description="Mean over the folds; null when it was pruned.")
    folds: tuple[float | None, ...] = Field(description="The metric on each fold that it saw.")
    parameters: dict[str, Any] = Field(description="The searched ones.")
    why: str = Field("", description="Why it was pruned.")


class Beside(Frozen):
    """The best trial beside the declared parameters, on the same rows and resampled days."""

    declared: Value
    best: Value
    difference: Value = Field(description="Best minus declared, in the unit of the metric.")


class Confirmed(Beside):
    """The same on days that no trial was judged on."""

    start: date
    end: date
    n_rows: int


class Tuned(Report):
    """What was tried, what was best, and whether it is surely better."""

    model: str
    at: date
    learner: str
    study: str = Field(description="The digest of the question; another question, another study.")
    metric: str
    direction: Direction = Field(description="Which is better.")
    ended: Ended = Field(description="Which part of the budget was used up.")
    n_trials: int
    n_pruned: int
    best: int = Field(description="The number of the best trial.")
    verdict: Verdict
    says: str
    search: dict[str, str]
    found: dict[str, Any] = Field(description="The searched parameters of the best trial.")
    parameters: dict[str, Any] = Field(description="All of them, as train.parameters.")
    on_folds: Beside | None = Field(
        description="On the days that the best was chosen by, which flatters it; null when it is "
        "the declared parameters."
    )
    confirmed: Confirmed | None = Field(description="On days that no trial was judged on.")
    folds: tuple[FoldTold, ...]
    trials: tuple[TrialTold, ...]
    written: str | None = Field(None, description="The file that now declares them.")
