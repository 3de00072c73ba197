"""What is done about what was seen (`decide:` of a model)."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from perennial.declare.frozen import Frozen

Decision = Literal[
    "stand_by", "repair_data", "recalibrate", "update", "retrain", "roll_back", "ask_a_person"
]
Training = Literal["recalibrate", "update", "retrain"]
TRAININGS: tuple[Training, ...] = get_args(Training)
Policy = Literal["watched", "drift", "performance", "calendar", "listed", "never"]


class Budget(Frozen):
    """How many trainings there may be."""

    trainings: int = Field(8, ge=0, description="Trainings of any kind.")
    nights: int = Field(30, ge=1, description="Within so many nights, the last ones.")


class Decide(Frozen):
    """The policy that turns findings into one decision."""

    policy: Policy = Field(
        "watched",
        description="watched: by all that watch found. drift: by drift alone. performance: by the "
        "realised performance alone. calendar: every so many nights, whatever was found. listed: "
        "on the nights of `nights`. never: stand by always. `perennial replay` compares them on "
        "your own history.",
    )
    every_nights: int = Field(7, ge=1, description="calendar: nights between two trainings.")
    calendar: Training = Field(
        "retrain", description="calendar, listed, at_least_every_nights: which training."
    )
    nights: tuple[date, ...] = Field((), description="listed: the nights that train.")
    at_least_every_nights: int | None = Field(
        30, ge=1, description="watched, drift, performance: train at the latest so many nights "
        "after the last training but recalibrations, even when nothing calls for one; null: no "
        "such limit.",
    )  # fmt: skip
    on_drift: Decision = Field(
        "retrain", description="watched, drift: when inputs or answers drifted and persist."
    )
    on_worse: Decision = Field(
        "retrain", description="watched, performance: when the realised performance got worse."
    )
    on_miscalibrated: Decision = Field(
        "stand_by",
        description="watched: when the level of the answers is off while the ranking "
        "holds. With stand_by the level alone is no reason: what got worse or drifted beside it "
        "decides.",
    )
    on_worse_after_release: Decision = Field(
        "roll_back", description="watched: when it got worse while the old version is still warm."
    )
    on_broken_data: Decision = Field(
        "repair_data", description="watched: when the data of the period are missing or broken."
    )
    on_unknown: Decision = Field(
        "stand_by", description="watched: when there is too little to tell."
    )
    training_cost: float = Field(
        0.0, ge=0, description="watched: what a training costs, in the primary metric x rows. "
        "Worse or drifted call for one only once the answers since the last one have cost as much "
        "more than expected; 0 does not wait.",
    )  # fmt: skip
    cool_down_nights: int = Field(
        3, ge=0, description="Nights after a training before the next one."
    )
    budget: Budget = Field(
        default_factory=lambda: Budget.model_validate({}), description="The most trainings."
    )
    approve: tuple[Decision, ...] = Field(
        (), description="Decisions that wait for a person's approval first."
    )

    @model_validator(mode="after")
    def _nights_fit(self) -> Self:
        if (self.policy == "listed") != bool(self.nights):
            raise ValueError("nights are what the policy listed trains on, and no other takes them")
        return self
