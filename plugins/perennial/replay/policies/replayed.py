"""The report of a replay: every policy's quality and cost, and how they lie to each other."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.judge.judged import Value
from perennial.keep.report import Report

Place = Literal["above", "on", "below"]


class Month(Frozen):
    """How good the answers to one month's questions were."""

    month: str = Field(description="YYYY-MM.")
    n_rows: int
    metrics: dict[str, Value]


class Frontier(Frozen):
    """One policy beside another family of policies at the same number of trainings."""

    family: Literal["calendar", "random"]
    between: tuple[str, ...] = Field(
        description="The policies of the family that it lies between, weighed by the logarithm of "
        "their trainings; the nearest one where it lies beyond them."
    )
    expected: float | None = Field(description="The primary metric there.")
    difference: Value = Field(
        description="The policy minus the frontier, of the primary metric, on the same resampled "
        "days."
    )
    place: Place = Field(
        description="above: better beyond doubt. below: worse beyond doubt. on: neither."
    )


class Lived(Frozen):
    """What one policy came to."""

    policy: str
    kind: str
    draw: int | None = Field(description="Which of several random draws.")
    n_trainings: int = Field(description="The first one included.")
    n_promoted: int = Field(description="Trainings whose candidate was blessed, and answered.")
    training_seconds: float = Field(description="By the wall's clock, judging not included.")
    processor_seconds: float = Field(description="Of all threads of these trainings.")
    n_rows: int
    metrics: dict[str, Value]
    months: tuple[Month, ...]
    trainings: tuple[date, ...] = Field(description="The nights that trained.")
    frontiers: tuple[Frontier, ...] = ()


class Replayed(Report):
    """Several policies over the same nights of one model."""

    model: str
    start: date
    end: date = Field(description="The last night, and the last day that is answered.")
    n_nights: int
    changed: tuple[str, ...] = Field(description="What was declared otherwise for this replay.")
    primary: str
    strategy: str = Field(description="How a policy without a strategy of its own trains.")
    policies: tuple[Lived, ...]
