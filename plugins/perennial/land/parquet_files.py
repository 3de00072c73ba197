"""Parquet: the schema is held against the contract, values become text like all others."""

from __future__ import annotations

import duckdb

from perennial.declare.sources import Source
from perennial.errors import ContractBrokenError
from perennial.keep import quoting
from perennial.land.contract import added_columns, broken_columns, retyped
from perennial.land.delivery import Part, Reading

TEXT_TYPES = ("VARCHAR", "ENUM", "UUID")


def read(
    connection: duckdb.DuckDBPyConnection, source: Source, parts: dict[int, Part], reading: Reading
) -> None:
    """Append the rows of all Parquet parts to `delivered`."""
    for index, part in parts.items():
        try:
            _read(connection, source, index, part, reading)
        except duckdb.Error as error:
            first_line = str(error).splitlines()[0].replace(str(part.path), part.name)
            raise ContractBrokenError(
                f"{source.name}: {part.name}: not a whole Parquet file ({first_line})"
            ) from error


def _read(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    index: int,
    part: Part,
    reading: Reading,
) -> None:
    rows = f"read_parquet({quoting.text(str(part.path))}, file_row_number = true)"
    types = dict(connection.execute(f"SELECT name, type FROM ({_described(rows)})").fetchall())
    types.pop("file_row_number", None)
    broken = broken_columns(source, part.name, types)
    reading.broken += broken
    reading.added_columns |= added_columns(source, types)
    if broken:
        return
    for column in source.columns:
        found = types[column.name]
        if column.data_type == "varchar" and not found.startswith(TEXT_TYPES):
            value = quoting.name(column.name)
            example = connection.execute(
                f"SELECT {value}::VARCHAR FROM {rows} WHERE {value} IS NOT NULL LIMIT 1"
            ).fetchone()
            if example:  # a column of nothing but nulls may have any type
                sentence = f"{found.lower()} (as in {example[0]!r})"
                reading.broken.append(retyped(source, part.name, column.name, sentence))
    values = ", ".join(f"{quoting.name(column.name)}::VARCHAR" for column in source.columns)
    connection.execute(
        f"INSERT INTO delivered SELECT {index}, file_row_number + 1, {values} FROM {rows}"
    )


def _described(rows: str) -> str:
    return f"SELECT column_name AS name, column_type AS type FROM (DESCRIBE SELECT * FROM {rows})"
