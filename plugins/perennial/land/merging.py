"""What was delivered meets what lies in the lake.

Of every key one row stands: a file's row, else the row that lies there, else a posted one. A row
that lies there and came from an earlier posting makes way for the latest posting. A day of the
period for which a file brought rows is theirs alone: what lay there before and is not among them
is gone. An earlier day is only added to or changed.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from perennial.declare.sources import Source
from perennial.keep import partitions, quoting
from perennial.land.repeats import same

Days = dict[str, list[date]]  # asked, reopened, closed


def load_days(connection: duckdb.DuckDBPyConnection, days: Days) -> None:
    """The table `days` (`__day`, `__kind`): asked, reopened (in the lookback), closed (older)."""
    connection.execute("CREATE TEMP TABLE days (__day DATE, __kind VARCHAR)")
    for kind, listed in days.items():
        connection.execute("INSERT INTO days SELECT unnest(?::DATE[]), ?", [listed, kind])


def load_present(connection: duckdb.DuckDBPyConnection, source: Source, table: Path) -> None:
    """The table `present`: the lake's rows of the days whose rows may stay beside the new ones."""
    declared = ", ".join(f"{quoting.name(each.name)} {each.data_type}" for each in source.columns)
    connection.execute(f"CREATE TEMP TABLE present (__day DATE, {declared})")
    wanted = connection.execute(
        """
        SELECT DISTINCT __day FROM fresh JOIN days USING (__day)
        WHERE __kind = 'closed'
           OR __kind = 'asked' AND __day NOT IN (SELECT __day FROM fresh WHERE NOT __posted)
        UNION SELECT __day FROM days WHERE __kind = 'reopened'
        """
    ).fetchall()
    files = [partitions.partition(table, day) for (day,) in sorted(wanted)]
    files = [file for file in files if file.exists()]
    if not files:
        return
    rows = (
        f"read_parquet({quoting.texts(map(str, files))}, union_by_name = true, "
        "hive_partitioning = false, filename = '__file')"
    )
    found = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()}
    # A contract may have grown since these days landed: what it added is null there.
    values = ", ".join(
        f"try_cast({quoting.name(each.name) if each.name in found else 'NULL'} AS {each.data_type})"
        for each in source.columns
    )
    day = "regexp_extract(__file, 'day=([0-9-]+)/[^/]*$', 1)::DATE"
    connection.execute(f"INSERT INTO present SELECT {day}, {values} FROM {rows}")


def merge(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make `merged` (`__day`, the columns, `__posted`) for the asked and the re-opened days."""
    key, columns = source.land.key, [column.name for column in source.columns]
    shown = quoting.names(columns, of="t")
    connection.execute(
        f"""
        CREATE TEMP TABLE versions AS
        SELECT {quoting.names(columns)} FROM typed JOIN parts USING (__part) WHERE __posted;
        CREATE TEMP VIEW touched AS
        SELECT fresh.* FROM fresh JOIN days USING (__day) WHERE __kind <> 'closed';
        CREATE TEMP TABLE kept AS
        SELECT t.* FROM present t JOIN days USING (__day)
        WHERE __kind <> 'closed'
          AND NOT EXISTS (FROM touched f WHERE NOT f.__posted AND {same(key, "f", "t")})
          AND NOT (EXISTS (FROM touched f WHERE f.__posted AND {same(key, "f", "t")})
                   AND EXISTS (FROM versions v WHERE {same(columns, "v", "t")}));
        CREATE TEMP TABLE merged AS
        SELECT t.__day, {shown}, false AS __posted FROM touched t WHERE NOT __posted
        UNION ALL
        SELECT t.__day, {shown}, false FROM kept t
        UNION ALL
        SELECT t.__day, {shown}, true FROM touched t
        WHERE __posted
          AND NOT EXISTS (FROM touched f WHERE NOT f.__posted AND {same(key, "f", "t")})
          AND NOT EXISTS (FROM kept k WHERE {same(key, "k", "t")});
        """
    )


def days_of(connection: duckdb.DuckDBPyConnection, relation: str) -> list[date]:
    """The days that a table has rows of, in order."""
    rows = connection.execute(f"SELECT DISTINCT __day FROM {relation} ORDER BY 1").fetchall()
    return [day for (day,) in rows]
