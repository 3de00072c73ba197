"""The record of one decision, readable without anything that made it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from perennial.declare.decide import Decision
from perennial.declare.frozen import Frozen
from perennial.declare.strategies import Strategy
from perennial.keep.report import Report

Situation = Literal["broken", "worse", "miscalibrated", "drifted", "unknown", "quiet", "outdated"]


class Considered(Frozen):
    """One decision that was open on this night or not, and why."""

    decision: Decision
    is_open: bool
    why: str


class Decided(Report):
    """What is to be done about one night of one model, and why."""

    model: str
    at: date
    policy: str
    decision: Decision
    why: str
    situation: Situation = Field(description="What the findings come down to, in one word.")
    seen: tuple[str, ...] = Field(description="The sentences of watch that it rests on.")
    considered: tuple[Considered, ...]
    strategy: Strategy | None = Field(description="How to train; null when nothing is trained.")
    train_until: date | None = Field(
        description="The first day to leave out of the training, to be judged on."
    )
    needs_approval: bool = Field(description="Whether a person is asked first.")
    version: str | None = Field(description="The champion that it is about.")
    regret: float = Field(
        0.0,
        description="What the champion's answers cost since the last training beyond what they "
        "should: primary metric x rows, never below 0.",
    )
