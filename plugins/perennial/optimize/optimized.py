"""The report of an optimization: every form that was tried, what it costs, and the choice."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.declare.optimize import Optimize
from perennial.keep.report import Report
from perennial.train.estimates import Value

OPTIMIZED = "optimize.json"
"""The file in which a candidate carries the report: it ships with the version."""

ORIGINAL = "original"

Outcome = Literal["original", "qualifies", "refused"]


class Times(Frozen):
    """Milliseconds that something takes: half of the times no more, and 99 times in 100."""

    p50: float
    p99: float


class Costs(Frozen):
    """What a version costs in a process of its own that loads it as the predictor does."""

    size_bytes: int = Field(description="Of the files that make the answers.")
    memory_mb: float = Field(description="What loading and answering adds to the process.")
    one_row_ms: Times = Field(description="The predictor's whole answer to one row, no network.")
    batch_ms: Times = Field(description="The same for 256 rows.")
    rows_per_second: float = Field(description="At 256 rows, one thread.")
    model_ms: Times = Field(description="The model alone on one row, inside of its answer.")


class Slice(Frozen):
    """The primary metric on the rows of one value of one column."""

    column: str
    value: str | None = Field(description="Null where the column is missing.")
    n_rows: int
    primary: Value
    difference: Value = Field(description="This form minus the original.")


class Form(Frozen):
    """One form of the candidate: the original, or a variant of it."""

    name: str
    outcome: Outcome
    why: str
    digest: str | None = Field(None, description="Null where it could not be made.")
    largest_difference: float | None = Field(
        None, description="The furthest that any answer lies from the original's."
    )
    metrics: dict[str, Value] = Field(default_factory=dict)
    differences: dict[str, Value] = Field(
        default_factory=dict, description="This form minus the original, paired by day."
    )
    slices: tuple[Slice, ...] = ()
    costs: Costs | None = None
    saved: float | None = Field(
        None, description="The share of the original's costs that it saves, by optimize.saving."
    )


class Optimized(Report):
    """Which form of the candidate goes on, and why."""

    model: str
    at: date
    version: str = Field(description="The candidate's.")
    digest: str
    chosen: str = Field(description="The variant; original is the candidate as it was trained.")
    why: str
    trained: str = Field(description="The digest of the candidate as it was trained.")
    declared: Optimize
    primary: str
    measured_from: date | None = None
    measured_until: date | None = Field(None, description="The first day that was not measured on.")
    n_rows: int = 0
    n_days: int = 0
    forms: tuple[Form, ...] = Field((), description="The original first.")
