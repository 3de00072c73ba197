"""Delivered text becomes typed values; a row that cannot, or lacks what it needs, is refused."""

from __future__ import annotations

import duckdb

from perennial.declare.sources import SOURCES, Column, Source
from perennial.errors import ContractBrokenError, DeclarationError
from perennial.keep import quoting
from perennial.land.contract import retyped
from perennial.land.delivery import Part

WHOLE = ("smallint", "integer", "bigint")


def cast(connection: duckdb.DuckDBPyConnection, source: Source, parts: list[Part]) -> None:
    """Make `typed` from `delivered`: `__n` (its rowid), `__part`, `__day` and the typed columns.

    Rows that are refused go to the table `unfit` (`__n`, `name`, `reason`) instead.
    Raises `ContractBrokenError` when more than half of a column's values in one part do not fit.
    """
    values = ", ".join(f"{typed(each)} AS {quoting.name(each.name)}" for each in source.columns)
    try:
        connection.execute(
            f"""
            CREATE TEMP TABLE typed AS
            SELECT __n, __part, {day_of(source)} AS __day,
                {quoting.names(each.name for each in source.columns)}
            FROM (SELECT rowid AS __n, __part, {values} FROM delivered)
            """
        )
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
        reason = str(error).splitlines()[0]
        raise DeclarationError(
            [f"{SOURCES}: {source.name}.land.event_time {source.land.event_time!r}: {reason}"]
        ) from error
    _note_unfit(connection, source)
    if connection.execute("SELECT 1 FROM unfit LIMIT 1").fetchone():
        _raise_when_retyped(connection, source, parts)
        connection.execute("DELETE FROM typed WHERE __n IN (SELECT __n FROM unfit)")


def typed(column: Column) -> str:
    """The SQL for a column's value; null where the text does not say a value of its type.

    A cast that would lose something is no value: 1.5 is no integer, a time of day no date.
    """
    value, kind = quoting.name(column.name), column.data_type
    if kind == "varchar":
        return value
    plain = f"try_cast({value} AS {kind})"
    if kind in WHOLE:
        return f"CASE WHEN try_cast({value} AS double) = {plain} THEN {plain} END"
    if kind == "date":
        return f"CASE WHEN try_cast({value} AS timestamp) = {plain} THEN {plain} END"
    return plain


def day_of(source: Source) -> str:
    """The SQL for a row's partition: the UTC day of its event time."""
    if source.land.static_from:
        return f"DATE '{source.land.static_from.isoformat()}'"
    return f"try_cast(try_cast(TRY({source.land.event_time}) AS timestamptz) AS date)"


def _unfit(column: Column) -> str:
    name = quoting.name(column.name)
    return f"(t.{name} IS NULL AND d.{name} IS NOT NULL)"


def _raise_when_retyped(
    connection: duckdb.DuckDBPyConnection, source: Source, parts: list[Part]
) -> None:
    casts = [column for column in source.columns if column.data_type != "varchar"]
    if not casts:
        return
    counts = ", ".join(
        f"count(d.{name}), count(*) FILTER ({_unfit(column)}), "
        f"any_value(d.{name}) FILTER ({_unfit(column)})"
        for column in casts
        if (name := quoting.name(column.name))
    )
    rows = connection.execute(
        f"SELECT t.__part, {counts} FROM typed t JOIN delivered d ON t.__n = d.rowid "
        "WHERE t.__part IN (SELECT __part FROM parts WHERE NOT __posted) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    sentences = [
        retyped(source, parts[part].name, column.name,
                f"{example!r} and the like in {n_unfit} of {n_values} values")
        for part, *counted in rows
        for column, (n_values, n_unfit, example) in zip(
            casts, zip(*[iter(counted)] * 3, strict=True), strict=True
        )
        if 2 * n_unfit > n_values
    ]  # fmt: skip
    if sentences:
        raise ContractBrokenError("\n".join(sentences))


def _note_unfit(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    conditions, cases = ["t.__day IS NULL"], []
    for column in source.columns:
        name, shown = quoting.name(column.name), quoting.text(column.name)
        wrong = quoting.text(f"{column.name} is not a {column.data_type}: ")
        case = f"WHEN {_unfit(column)} THEN [{shown}, {wrong} || d.{name}]"
        conditions.append(_unfit(column))
        if not column.nullable:
            missing = quoting.text(f"{column.name} is missing")
            case += f" WHEN d.{name} IS NULL THEN [{shown}, {missing}]"
            conditions.append(f"d.{name} IS NULL")
        cases.append(f"CASE {case} END")
    connection.execute(
        f"""
        CREATE TEMP TABLE unfit AS
        SELECT __n, array_to_string([x[1] FOR x IN found], ', ') AS name,
            CASE WHEN len(found) > 0 THEN array_to_string([x[2] FOR x IN found], '; ')
                ELSE 'its event time cannot be told' END AS reason
        FROM (SELECT t.__n, [x FOR x IN [{", ".join(cases)}] IF x IS NOT NULL] AS found
              FROM typed t JOIN delivered d ON t.__n = d.rowid
              WHERE {" OR ".join(conditions)})
        """
    )
