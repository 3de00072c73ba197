"""What is done about what was seen (`decide:` of a model)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perennial.declare.frozen import Frozen

Decision = Literal[
    "stand_by", "repair_data", "recalibrate", "update", "retrain", "roll_back", "ask_a_person"
]
Training = Literal["recalibrate", "update", "retrain"]


class Budget(Frozen):
    """How many trainings there may be."""

    trainings: int = Field(8, ge=0, description="Trainings of any kind.")
    nights: int = Field(30, ge=1, description="Within so many nights, the last ones.")


class Decide(Frozen):
    """The policy that turns findings into one decision."""

    policy: Literal["watched", "calendar", "never"] = Field(
        "watched",
        description="watched: by what watch found. calendar: every so many nights, whatever it "
        "found. never: stand by always. The last two are there to be compared with.",
    )
    every_nights: int = Field(7, ge=1, description="calendar: nights between two trainings.")
    calendar: Training = Field("retrain", description="calendar: which training.")
    on_drift: Decision = Field(
        "retrain", description="watched: when inputs or answers drifted and persist."
    )
    on_worse: Decision = Field(
        "retrain", description="watched: when the realised performance got worse."
    )
    on_miscalibrated: Decision = Field(
        "recalibrate", description="watched: when only the level of the answers is off."
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
