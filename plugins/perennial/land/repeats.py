"""Rows that were delivered more than once: the last one in the order of delivery stands."""

from __future__ import annotations

import duckdb

from perennial.declare.sources import Source
from perennial.keep import quoting


def drop_repeats(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make `fresh` from `typed`: one row per key from files, and one from events.

    `repeats` lists the rows left out: `__day` (of the one that stands) and `is_same`. Posted rows
    replace each other by design and are not listed.
    """
    columns = [column.name for column in source.columns]
    key = quoting.names(source.land.key, of="t")
    connection.execute(
        f"""
        CREATE TEMP TABLE dropped AS
        WITH repeated AS (
            SELECT __posted, {key} FROM typed t JOIN parts USING (__part)
            GROUP BY ALL HAVING count(*) > 1
        )
        SELECT __n, last_n, __posted FROM (
            SELECT t.__n, max(t.__n) OVER (PARTITION BY r.__posted, {key}) AS last_n, r.__posted
            FROM typed t JOIN parts p USING (__part)
            JOIN repeated r ON r.__posted = p.__posted AND {same(source.land.key, "t", "r")}
        ) WHERE __n < last_n
        """
    )
    connection.execute(
        f"""
        CREATE TEMP TABLE repeats AS
        SELECT stands.__day,
            ({quoting.names(columns, of="t")}) IS NOT DISTINCT FROM
            ({quoting.names(columns, of="stands")}) AS is_same
        FROM dropped d JOIN typed t USING (__n) JOIN typed stands ON stands.__n = d.last_n
        WHERE NOT d.__posted
        """
    )
    connection.execute(
        """
        CREATE TEMP TABLE fresh AS
        SELECT t.*, p.__posted FROM typed t JOIN parts p USING (__part)
        WHERE __n NOT IN (SELECT __n FROM dropped)
        """
    )


def same(columns: tuple[str, ...] | list[str], one: str, other: str) -> str:
    """The SQL condition that two tables' rows agree in `columns`, nulls included."""
    return " AND ".join(
        f"{one}.{quoting.name(each)} IS NOT DISTINCT FROM {other}.{quoting.name(each)}"
        for each in columns
    )
