"""Rows that could not be taken in: set aside with their reason, counted, never lost.

`data/lake/quarantine/raw/<source>/day=<start of the landing>/land-0.parquet`, one row per refused
row: file, line, column, reason and the row's text. A row that an earlier landing has set aside is
not set aside again, and nothing set aside is ever removed.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from perennial.declare.sources import Source
from perennial.keep import partitions, quoting
from perennial.land.delivery import Part, Reading, Refused
from perennial.land.lines import lines_of_rows

FILE = "land-0.parquet"
SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("line", pa.int64()),
        ("column", pa.string()),
        ("reason", pa.string()),
        ("text", pa.string()),
    ]
)

Content = tuple[str | None, str, str]


def refused_rows(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    parts: list[Part],
    reading: Reading,
) -> list[Refused]:
    """The delivered rows that the tables `unfit` and `too_late` name, as they came."""
    columns = ", ".join(
        f"{quoting.name(each.name)} := d.{quoting.name(each.name)}" for each in source.columns
    )
    rows = connection.execute(
        f"""
        SELECT d.__part, d.__line, d.rowid - first, c.name, c.reason,
            to_json(struct_pack({columns}))::VARCHAR
        FROM (FROM unfit UNION ALL FROM too_late) c JOIN delivered d ON c.__n = d.rowid
        JOIN (SELECT __part, min(rowid) AS first FROM delivered GROUP BY 1) USING (__part)
        ORDER BY d.rowid
        """
    ).fetchall()
    wanted: dict[int, set[int]] = {}
    for part, line, number, *_ in rows:
        if line is None:
            wanted.setdefault(part, set()).add(number)
    lines = {part: lines_of_rows(reading.scripts[part], found) for part, found in wanted.items()}
    return [
        Refused(
            file=parts[part].name,
            line=line or lines[part].get(number),
            column=column or None,
            reason=reason,
            text=text,
            is_posted=parts[part].is_posted,
        )
        for part, line, number, column, reason, text in rows
    ]


def set_aside(lake: Path, source: str, start: date, refused: list[Refused]) -> list[Refused]:
    """Add `refused` to the source's quarantine; returns those that were not there before `start`.

    Twice is the same as once: the rows of this landing are in its partition exactly once.
    """
    table = lake / "quarantine" / "raw" / source
    target = partitions.partition(table, start, FILE)
    earlier: set[Content] = set()
    for path in sorted(table.glob(f"day=*/{FILE}")):
        if path != target:
            earlier |= {_content(each) for each in _read(path)}
    new = [each for each in refused if _content(each) not in earlier]
    contents = {_content(each) for each in new}
    kept = [each for each in _read(target) if _content(each) not in contents]
    rows = sorted([*kept, *new], key=lambda row: (row.file, row.line or 0, row.reason, row.text))
    if rows != _read(target):
        partitions.publish(table, start, _table(rows), lake, FILE)
    return new


def _content(row: Refused) -> Content:
    return row.column, row.reason, row.text


def _read(path: Path) -> list[Refused]:
    if not path.exists():
        return []
    return [Refused(**row) for row in pq.ParquetFile(path).read().to_pylist()]


def _table(rows: list[Refused]) -> pa.Table:
    listed = [{name: getattr(row, name) for name in SCHEMA.names} for row in rows]
    return pa.Table.from_pylist(listed, schema=SCHEMA)
