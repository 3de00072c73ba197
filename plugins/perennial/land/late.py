"""Rows that came late: within the lookback they re-open their day, after it they are set aside."""

from __future__ import annotations

import duckdb

from perennial.declare.sources import Source
from perennial.keep import quoting
from perennial.land.landed import Reopened
from perennial.land.repeats import same


def reopened_days(connection: duckdb.DuckDBPyConnection, source: Source) -> list[Reopened]:
    """The days before the period whose rows are not what they were, with how many."""
    key, columns = source.land.key, [column.name for column in source.columns]
    rows = connection.execute(
        f"""
        WITH before AS (
            SELECT p.* FROM present p JOIN days USING (__day) WHERE __kind = 'reopened'
        ),
        now AS (SELECT m.* FROM merged m JOIN days USING (__day) WHERE __kind = 'reopened')
        SELECT __day, count(*) FILTER (is_late), count(*) FILTER (NOT is_late) FROM (
            SELECT n.__day, b.__day IS NULL AS is_late
            FROM now n LEFT JOIN before b ON {same(key, "n", "b")}
            WHERE b.__day IS NULL OR b.__day <> n.__day OR NOT ({same(columns, "n", "b")})
            UNION ALL
            SELECT b.__day, false FROM before b
            WHERE NOT EXISTS (FROM now n WHERE n.__day = b.__day AND {same(key, "n", "b")})
        ) GROUP BY 1 ORDER BY 1
        """
    ).fetchall()
    return [Reopened(day=day, n_late=late, n_changed=changed) for day, late, changed in rows]


def find_too_late(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make `too_late` (`__n`, `name`, `reason`): rows of closed days that the lake does not have.

    A posted row is not too late when its key lies there, unless that came from an older posting.
    """
    key, columns = source.land.key, [column.name for column in source.columns]
    reason = quoting.text(
        f"too late: its day has landed, and the lookback is {source.land.lookback_days} days"
    )
    connection.execute(
        f"""
        CREATE TEMP TABLE too_late AS
        SELECT f.__n, '' AS name, {reason} AS reason
        FROM fresh f JOIN days USING (__day)
        WHERE __kind = 'closed'
          AND NOT EXISTS (FROM present p WHERE p.__day = f.__day AND {same(columns, "p", "f")})
          AND NOT (f.__posted AND EXISTS (
              FROM present p WHERE {same(key, "p", "f")}
              AND NOT EXISTS (FROM versions v WHERE {same(columns, "v", "p")})))
        """
    )
