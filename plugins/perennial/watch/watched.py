"""The report of a night's watch, readable without anything that made it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.judge.judged import Value
from perennial.keep.report import Report

Role = Literal["feature", "prediction", "label"]
Kind = Literal[
    "data_quality", "feature_drift", "prediction_drift", "label_drift", "performance",
    "calibration", "service",
]  # fmt: skip
Level = Literal["note", "suspected", "alarm", "unknown"]
ColumnState = Literal["quiet", "suspected", "drifted", "unknown"]
PerformanceState = Literal["as_expected", "worse", "unknown"]
State = Literal["quiet", "suspected", "drifted", "worse", "broken", "unknown"]


class Finding(Frozen):
    """One thing that was seen, in a sentence."""

    kind: Kind
    level: Level = Field(description="alarm: persists and matters. suspected: not (yet) that.")
    subject: str = Field(description="The column, metric, table or server that it is about.")
    sentence: str


class Shape(Frozen):
    """How a column's values lie, in bins that the reference alone fixes."""

    bins: tuple[str, ...] = Field(description="Each bin's name: where it begins, or the category.")
    reference: tuple[float, ...] = Field(description="Share of the reference's values per bin.")
    current: tuple[float, ...] = Field(description="Share of the watched days' values per bin.")


class Compared(Frozen):
    """One column of the watched days beside the champion's training reference."""

    name: str
    role: Role
    kind: Literal["number", "category"]
    test: Literal["ks", "chi_squared"]
    state: ColumnState
    n_reference: int
    n_current: int
    missing_reference: float = Field(description="Share of missing values, 0 to 1.")
    missing_current: float
    effect: float | None = Field(description="KS distance or Cramér's V, 0 to 1; null if unknown.")
    threshold: float | None = Field(
        description="The effect that quiet history stays below on all but `watch.alpha` of nights."
    )
    p_value: float | None = Field(description="Against the stream's own quiet history.")
    p_adjusted: float | None = Field(
        description="Benjamini-Hochberg over the columns of its role, times the three roles."
    )
    psi: float | None = Field(description="Population stability index, 0 to infinity.")
    jensen_shannon: float | None = Field(description="Distance with base 2, 0 to 1.")
    wasserstein: float | None = Field(description="In the reference's standard deviations.")
    weight: float = Field(description="Share of the champion's importance; 1 for other roles.")
    n_nights: int = Field(description="Of the last `watch.persistence.of` nights, those out.")
    shape: Shape | None = Field(description="To be drawn; null when there is nothing to draw.")
    sentence: str

    @property
    def is_out(self) -> bool:
        """Whether it was out on this night, persistent or not."""
        return self.state in ("suspected", "drifted")


class Performance(Frozen):
    """One metric by labels known on this night."""

    metric: str = Field(
        description="A declared one, or `calibration_in_the_large` (mean label minus mean score) "
        "or `calibration_slope` (1 when answers are neither too bold nor too timid)."
    )
    value: Value
    expected: Value | None = Field(description="When the champion was judged; null if it was not.")
    n_rows: int
    n_days: int
    state: PerformanceState


class Answered(Frozen):
    """What the servers answered about the watched days' questions, out of the journal."""

    n_answers: int = 0
    n_failures: int = Field(0, description="Questions that nobody answered.")
    n_fallbacks: int = Field(0, description="Questions that another version had to answer.")
    n_labelled: int = Field(0, description="Answers whose label came by /feedback.")
    n_unmatched_labels: int = Field(
        0, description="Labels of no known prediction, of all that ever came."
    )
    n_set_aside: int = Field(
        0, description="Labels not used, their key having given too many that day; ever."
    )
    metrics: dict[str, float | None] = Field(
        default_factory=dict, description="Of the labelled answers."
    )


class Watched(Report):
    """What was seen of one model on one night."""

    model: str
    at: date
    version: str | None = Field(description="The champion; null when nothing serves.")
    reference_from: date | None
    reference_until: date | None = Field(description="The first day not in the reference.")
    watched_from: date
    watched_until: date = Field(description="The first day that was not looked at.")
    n_rows: int
    n_labelled: int
    state: State
    is_real: bool | None = Field(
        description="Whether drift cost performance (real) or not (virtual); null when unknown."
    )
    findings: tuple[Finding, ...]
    columns: tuple[Compared, ...]
    performance_from: date | None = Field(description="The first day with enough known labels.")
    performance_until: date | None = Field(description="The day after the last one of these.")
    performance: tuple[Performance, ...]
    answered: Answered
