"""The report of a reproduction: what was recorded, what came out, and why they may differ."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.keep.report import Report

Outcome = Literal["same", "close", "different"]


class Compared(Frozen):
    """One number of a training, as it was recorded and as it came out again."""

    name: str
    recorded: float | None
    rebuilt: float | None
    difference: float | None = Field(description="Rebuilt minus recorded; null where one lacks.")
    is_within: bool = Field(
        description="Equal for what was learned from; within the tolerance for how good it is."
    )


class Reproduced(Report):
    """A registered version beside the one that was made again from its lineage."""

    model: str
    version: str = Field(description="The first twelve digits of the recorded digest.")
    registered_as: int = Field(description="Its number in the registry.")
    outcome: Outcome = Field(
        description="same: every byte that answers, and every byte of state. close: not that, but "
        "learned from as many rows, and all numbers within the tolerance. different: neither."
    )
    says: str
    recorded: str = Field(description="The recorded digest.")
    rebuilt: str = Field(description="The digest that came out.")
    is_same_digest: bool
    is_same_state: bool = Field(description="Of what strategies keep to go on from it later.")
    form: str | None = Field(
        None,
        description="The digest that was asked for, where it is another form (optimized) of the "
        "recorded one: forms are built for one machine, so what they were made from is rebuilt.",
    )
    trained_by: str = Field(description="The command that was repeated.")
    code: str = Field(description="Which code trained.")
    data: str = Field(description="Where its rows came from.")
    parent: str | None = Field(None, description="What it went on from.")
    is_same_environment: bool
    packages: tuple[str, ...] = Field(
        (), description="What is installed in another version than was then; + new, - gone."
    )
    differences: tuple[str, ...] = Field(
        (), description="All that was not as it was then: it may explain another result."
    )
    tolerance: float
    numbers: tuple[Compared, ...]
