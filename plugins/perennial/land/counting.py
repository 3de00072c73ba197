"""How many rows met which fate."""

from __future__ import annotations

import duckdb

from perennial.land.delivery import Reading


def counts(connection: duckdb.DuckDBPyConnection, reading: Reading) -> dict[str, int]:
    """How many rows met which fate."""
    row = connection.execute(
        """
        SELECT
            (SELECT count(*) FROM delivered JOIN parts USING (__part) WHERE NOT __posted),
            (SELECT count(*) FROM merged JOIN days USING (__day)
             WHERE __posted AND __kind = 'asked'),
            (SELECT count(*) FROM repeats JOIN days USING (__day)
             WHERE is_same AND __kind <> 'closed'),
            (SELECT count(*) FROM repeats JOIN days USING (__day)
             WHERE NOT is_same AND __kind <> 'closed'),
            (SELECT count(*) FROM fresh LEFT JOIN days USING (__day)
             WHERE NOT __posted AND coalesce(__kind, 'closed') = 'closed'
               AND __n NOT IN (SELECT __n FROM too_late))
        """
    ).fetchone()
    assert row is not None  # an aggregate always answers
    names = ("n_delivered", "n_posted", "n_duplicates", "n_superseded", "n_outside")
    found = dict(zip(names, map(int, row), strict=True))
    found["n_delivered"] += sum(not each.is_posted for each in reading.refused)
    return found
