"""Gates: what a table must meet (`data/expectations/<layer>/<table>.yaml`)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from perennial.declare.frozen import Frozen

Layer = Literal["raw", "marts"]


class Expectation(Frozen):
    """One expectation by its Great Expectations name, and what happens when it fails."""

    type: str = Field(
        pattern=r"^expect_[a-z0-9_]+$", description="The expectation's Great Expectations name."
    )
    kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Its arguments, as Great Expectations names them."
    )
    severity: Literal["stop", "warn", "quarantine"] = Field(
        description="stop: nothing goes on. warn: reported. quarantine: the failing rows are set "
        "aside with this reason and the others go on."
    )
    why: str = Field(min_length=1, description="What goes wrong downstream when this fails.")


class Gate(Frozen):
    """All expectations of one table."""

    max_quarantined_share: float = Field(
        0.01, ge=0, le=1, description="More quarantined rows than this share stop the run."
    )
    may_be_empty: bool = Field(
        False,
        description="Whether a period without any row is accepted. Otherwise it stops the run: "
        "no gate passes because it had nothing to look at.",
    )
    is_snapshot: bool = Field(
        False,
        description="Whether the table has no history: all its days are judged and published, "
        "whatever the period is. (A source with static_from is one without saying so here.)",
    )
    expectations: tuple[Expectation, ...] = Field(
        (), description="Expectations on the rows of the period."
    )
    daily: tuple[Expectation, ...] = Field(
        (),
        description="Expectations on a table with one row per day of the period: day, n_rows, and "
        "missing_share_<column> for each column. Severity quarantine is not possible here.",
    )
