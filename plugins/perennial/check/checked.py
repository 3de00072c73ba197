"""What `check` found: one finding per expectation, gathered by table."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.declare.gates import Layer
from perennial.keep.report import Report

Outcome = Literal["passed", "failed", "raised", "nothing_to_look_at"]


class Finding(Frozen):
    """What became of one expectation, or of one of the engine's own rules."""

    expectation: str = Field(description="Its Great Expectations name, or the engine's rule.")
    columns: tuple[str, ...] = Field((), description="The columns that it is about.")
    severity: Literal["stop", "warn", "quarantine"] = Field(description="As declared.")
    outcome: Outcome = Field(
        description="failed: not met. raised: could not be evaluated, which counts as failed with "
        "severity stop. nothing_to_look_at: met only because no value was there to be judged."
    )
    asked: str = Field(description="What was expected.")
    found: str = Field(description="What the data show.")
    n_looked_at: int | None = Field(None, description="Values that were judged one by one.")
    n_failing: int | None = Field(None, description="How many of them do not meet it.")
    examples: tuple[str, ...] = Field((), description="Up to three of those, with their keys.")
    declared_in: str = Field(description="File and place of the declaration.")
    why: str = Field(description="What goes wrong downstream when it is not met.")

    @property
    def is_stopping(self) -> bool:
        """Whether this alone keeps the table from being published."""
        return self.outcome == "raised" or (self.outcome == "failed" and self.severity == "stop")


class CheckedTable(Frozen):
    """What became of one table in the period."""

    table: str
    is_gated: bool = Field(description="False: no gate is declared, so nothing was checked.")
    is_published: bool = Field(description="False: a stop; what was published before stays.")
    n_rows: int = Field(description="Rows that were looked at.")
    n_quarantined: int = Field(0, description="Rows that a quarantine expectation rejects.")
    n_days: int = Field(description="Days with rows.")
    n_days_rewritten: int = Field(0, description="Days published without their quarantined rows.")
    n_days_withdrawn: int = Field(0, description="Days published before and now gone.")
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings that did not pass, worst first."""
        order = ("stop", "quarantine", "warn")
        bad = [each for each in self.findings if each.outcome in ("failed", "raised")]
        return tuple(
            sorted(bad, key=lambda each: (not each.is_stopping, order.index(each.severity)))
        )


class Checked(Report):
    """What `check` did for one layer and period."""

    layer: Layer
    start: str
    end: str
    tables: tuple[CheckedTable, ...]

    @property
    def stopped(self) -> tuple[CheckedTable, ...]:
        """The tables of which nothing was published."""
        return tuple(each for each in self.tables if not each.is_published)

    def table(self, name: str) -> CheckedTable:
        """The table called `name`; KeyError when it was not checked."""
        for each in self.tables:
            if each.table == name:
                return each
        raise KeyError(name)
