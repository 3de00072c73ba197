"""What a rehearsal changes in what is delivered (`data/simulations/<name>.yaml`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Self

from pydantic import Field, model_validator

from perennial.declare.frozen import Frozen
from perennial.declare.reading import nearest
from perennial.declare.sources import Source


class Change(Frozen):
    """Values of one source that are delivered otherwise than they are."""

    source: str = Field(description="The source whose delivered rows are changed.")
    first_day: date | None = Field(
        None, description="The first UTC day whose rows are changed; all when left out."
    )
    last_day: date | None = Field(
        None, description="The last UTC day whose rows are changed; all when left out."
    )
    only_landed_with: date | None = Field(
        None,
        description="Only when this is the newest day that is asked for: such a delivery is "
        "broken once, and the next one brings the same rows as they are.",
    )
    where: str = Field("true", description="DuckDB condition over the source's columns.")
    values: dict[str, str] = Field(
        alias="set",
        min_length=1,
        description="Column to DuckDB expression over the source's columns as they were.",
    )

    @model_validator(mode="after")
    def _days_are_in_order(self) -> Self:
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise ValueError(f"first_day {self.first_day} is after last_day {self.last_day}")
        return self


class Simulation(Frozen):
    """A rehearsal: in force only where `PERENNIAL_SIMULATIONS` names it."""

    description: str = Field(min_length=1, description="What is rehearsed.")
    changes: tuple[Change, ...] = Field(min_length=1, description="What is changed, in order.")


def unknown_names(
    simulation: Simulation, sources: Mapping[str, Source], shown: str
) -> Iterator[str]:
    """A sentence per source or column that is changed and not declared."""
    for place, change in enumerate(simulation.changes):
        where = f"{shown}: changes.{place}"
        if change.source not in sources:
            yield (
                f"{where}.source {change.source!r} is not declared"
                f"{nearest(change.source, sources)} (declared: {', '.join(sources)})"
            )
            continue
        columns = [each.name for each in sources[change.source].columns]
        for name in change.values:
            if name not in columns:
                yield (
                    f"{where}.set {name!r} is no column of {change.source}"
                    f"{nearest(name, columns)} (it has: {', '.join(columns)})"
                )
