"""Rehearsals: declared changes to what was delivered, in force only where a setting names them."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb

from perennial.declare.project import Project
from perennial.declare.simulation import Change
from perennial.declare.sources import Source
from perennial.errors import DeclarationError
from perennial.keep import quoting


def simulate(
    connection: duckdb.DuckDBPyConnection, project: Project, source: Source, end: date
) -> tuple[str, ...]:
    """Change the delivered rows in `typed` as the rehearsals in force say; the names of those.

    Posted events are left as they are: whoever posts them may rehearse too. `end` is the first day
    that was not asked for. Raises `DeclarationError` for an expression that DuckDB refuses.
    """
    used: list[str] = []
    for name in project.simulations:
        for change in project.simulation(name).changes:
            if change.source == source.name and _is_in_force(change, end):
                _apply(connection, source, change, name)
                used.append(name)
    return tuple(dict.fromkeys(used))


def _is_in_force(change: Change, end: date) -> bool:
    newest = end - timedelta(days=1)
    return change.only_landed_with is None or change.only_landed_with == newest


def _apply(
    connection: duckdb.DuckDBPyConnection, source: Source, change: Change, name: str
) -> None:
    kinds = {column.name: column.data_type for column in source.columns}
    values = ", ".join(
        f"{quoting.name(column)} = CAST(({expression}) AS {kinds[column]})"
        for column, expression in change.values.items()
    )
    conditions = [
        "__part IN (SELECT __part FROM parts WHERE NOT __posted)",
        f"coalesce(({change.where}), false)",
    ]
    if change.first_day:
        conditions.append(f"__day >= DATE '{change.first_day}'")
    if change.last_day:
        conditions.append(f"__day <= DATE '{change.last_day}'")
    try:
        connection.execute(f"UPDATE typed SET {values} WHERE {' AND '.join(conditions)}")
    except duckdb.Error as error:
        told = f"data/simulations/{name}.yaml: {source.name}: {str(error).splitlines()[0]}"
        raise DeclarationError([told]) from error
