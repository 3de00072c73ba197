"""The first table of a landing: every delivered row, its values still text.

`delivered` has one row per delivered row, in the order of delivery (`rowid`): `__part` is the
index of the part it came from, `__line` its line there (null for CSV: found when it is needed).
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from perennial.declare.sources import Source
from perennial.errors import ContractBrokenError
from perennial.keep import quoting
from perennial.land import csv_files, json_lines, parquet_files, posted
from perennial.land.delivery import Part, Reading

READERS = {"csv": csv_files.read, "parquet": parquet_files.read, "json": json_lines.read}


def read(
    connection: duckdb.DuckDBPyConnection, source: Source, parts: list[Part], folder: Path
) -> Reading:
    """Fill the table `delivered` from all parts.

    Raises `ContractBrokenError` with every missing, renamed or retyped column of every file.
    """
    columns = ", ".join(f"{quoting.name(each.name)} VARCHAR" for each in source.columns)
    connection.execute(f"CREATE TEMP TABLE delivered (__part INTEGER, __line BIGINT, {columns})")
    connection.execute("CREATE TEMP TABLE parts (__part INTEGER, __posted BOOLEAN)")
    if parts:
        rows = [(index, part.is_posted) for index, part in enumerate(parts)]
        connection.executemany("INSERT INTO parts VALUES (?, ?)", rows)
    reading = Reading(folder)
    numbered = {index: part for index, part in enumerate(parts) if not part.is_posted}
    kind = "json" if source.land.place.sql else source.land.format
    READERS[kind](connection, source, numbered, reading)
    if reading.broken:
        raise ContractBrokenError("\n".join(reading.broken))
    journals = {index: part for index, part in enumerate(parts) if part.is_posted}
    posted.read(connection, source, journals, reading)
    return reading
