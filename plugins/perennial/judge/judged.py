"""The report of a judgement, readable without anything that made it."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.keep.report import Report
from perennial.measure.intervals import Comparison
from perennial.train.estimates import Value as Value
from perennial.train.estimates import finite as finite

JUDGED = "judged.json"
"""The file in which a packaged version carries its judgement."""

Verdict = Literal["blessed", "refused", "not_enough_evidence"]
Outcome = Literal["passed", "failed", "unknown"]


class Beside(Frozen):
    """What a metric is for the opponent, and how far the candidate lies from it."""

    opponent: Value
    difference: Value = Field(description="Candidate minus opponent, on the same resamples.")

    @classmethod
    def of(cls, comparison: Comparison) -> Self:
        """The comparison as a report shows it."""
        return cls(
            opponent=Value.of(comparison.champion), difference=Value.of(comparison.difference)
        )


class Opponent(Frozen):
    """One that the candidate was compared with over the same rows."""

    name: str
    kind: Literal["baseline", "champion"]
    metrics: dict[str, Beside]


class Slice(Frozen):
    """The candidate on the rows of one value of one column."""

    column: str
    value: str | None = Field(description="Null where the column is missing.")
    n_rows: int
    mean_label: float
    metrics: dict[str, float | None]
    primary: Value


class Check(Frozen):
    """One question that the verdict hangs on, and its answer in a sentence."""

    name: str
    outcome: Outcome
    sentence: str


class Judged(Report):
    """What was found about a candidate, and whether it may serve."""

    model: str
    at: date
    verdict: Verdict
    reasons: tuple[str, ...] = Field(description="The sentences that the verdict rests on.")
    version: str
    digest: str = Field(description="Of the candidate that was judged.")
    learned_from: date
    learned_until: date = Field(description="The first day that was not learned from.")
    judged_from: date
    judged_until: date = Field(description="The first day that was not judged on.")
    n_rows: int
    n_days: int
    n_unlabelled: int
    n_not_yet_known: int
    mean_label: float | None
    champion: str | None = Field(description="The version that serves now.")
    primary: str
    metrics: dict[str, Value] = Field(description="The candidate's own.")
    opponents: tuple[Opponent, ...]
    slices: tuple[Slice, ...]
    checks: tuple[Check, ...]
