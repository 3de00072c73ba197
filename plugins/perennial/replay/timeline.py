"""A past day as it unfolded: which event became known when, and which question was asked when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.declare.sources import Source
from perennial.errors import UnavailableError
from perennial.keep import partitions
from perennial.keep.engine import connect
from perennial.layer.compiled import compile_project, fill, open_memory


@dataclass(frozen=True)
class Happened:
    """One event: a source's row as it was known at that moment."""

    at: datetime
    source: str
    row: dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One question: what a caller knew, and the key under which the lake has its outcome."""

    at: datetime
    key: tuple[Any, ...]
    known: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The truth about one question, and when it was known."""

    known_at: datetime
    key: tuple[Any, ...]
    label: float


def events_of(project: Project, day: date, days_before: int) -> list[Happened]:
    """What became known of the rows of `day` and of the days before, in the order of its moment.

    Each source with declared `land.events` gives one event per row and moment; columns that only a
    later moment reveals are null in it.
    """
    found: list[Happened] = []
    for source in project.sources.values():
        if source.land.events:
            found += _events(project, source, day - timedelta(days=days_before), day)
    return sorted(found, key=lambda event: (event.at, event.source))


def questions_of(project: Project, model: Model, day: date) -> list[Asked]:
    """The questions of the model's mart of `day`, in the order in which they were asked."""
    table = project.lake / "checked" / "marts" / model.rows.mart
    file = partitions.partition(table, day)
    if not file.is_file():
        raise UnavailableError(
            f"models/{model.name}.yaml: rows.mart {model.rows.mart!r} has no checked day {day}; "
            f"run the pipeline for it first"
        )
    names = [field.name for field in model.request.fields]
    with connect() as connection:
        rows = connection.sql(
            f"SELECT {_listed(names)}, {_listed(list(model.rows.key))}, "
            f'CAST("{model.rows.event_timestamp}" AS TIMESTAMPTZ) AS asked_at '
            f"FROM read_parquet('{file}') ORDER BY asked_at, {_listed(list(model.rows.key))}"
        ).to_arrow_table()
    return [
        Asked(
            row["asked_at"],
            tuple(row[key] for key in model.rows.key),
            {name: row[name] for name in names if row[name] is not None},
        )
        for row in rows.to_pylist()
    ]


def outcomes_of(project: Project, model: Model, day: date) -> list[Outcome]:
    """The truths about the questions of the model's mart of `day`, in the order they were known."""
    file = partitions.partition(project.lake / "checked" / "marts" / model.rows.mart, day)
    keys = _listed(list(model.rows.key))
    with connect() as connection:
        rows = connection.sql(
            f'SELECT CAST("{model.label.known_at}" AS TIMESTAMPTZ) AS known_at, '
            f'CAST("{model.label.column}" AS DOUBLE) AS truth, {keys} '
            f"FROM read_parquet('{file}') "
            f'WHERE "{model.label.column}" IS NOT NULL ORDER BY known_at, {keys}'
        ).to_arrow_table()
    return [
        Outcome(row["known_at"], tuple(row[key] for key in model.rows.key), row["truth"])
        for row in rows.to_pylist()
    ]


def _events(project: Project, source: Source, first: date, day: date) -> list[Happened]:
    assert source.land.events is not None
    declared = source.land.events
    compiled = compile_project(project)
    memory = open_memory(project, compiled, [declared.relation])
    for name in sorted(compiled.sources_of(declared.relation)):
        fill(project, memory, name, first, day + timedelta(days=2))  # some come before their time
    found: list[Happened] = []
    for moment in declared.moments:
        rows = memory.sql(_query(source, moment, day)).to_arrow_table().to_pylist()
        found += [Happened(row.pop("__at"), source.name, row) for row in rows]
    return found


def _query(source: Source, moment: str, day: date) -> str:
    """The rows as they were known at their own `moment`, up to the end of `day`."""
    assert source.land.events is not None
    revealed = {
        column: other for other, columns in source.land.events.moments.items() for column in columns
    }
    columns = [
        f'CASE WHEN moments."{revealed[each.name]}" <= moments."{moment}" '
        f'THEN rows."{each.name}" END AS "{each.name}"'
        if each.name in revealed
        else f'rows."{each.name}"'
        for each in source.columns
    ]
    same = " AND ".join(f'rows."{key}" = moments."{key}"' for key in source.land.key)
    return (
        f'SELECT moments."{moment}" AS __at, {", ".join(columns)} '
        f'FROM raw_{source.name} AS rows JOIN "{source.land.events.relation}" AS moments ON {same} '
        f"WHERE moments.\"{moment}\" < TIMESTAMPTZ '{day + timedelta(days=1)} 00:00:00+00'"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
