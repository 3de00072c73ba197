"""JSON lines: one object a line, every value is taken as text. Also the journals of events."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import duckdb

from perennial.declare.sources import Source
from perennial.keep import quoting
from perennial.land.contract import added_columns, broken_columns, retyped
from perennial.land.delivery import Part, Reading, Refused

CHUNK = 50_000


def read(
    connection: duckdb.DuckDBPyConnection, source: Source, parts: dict[int, Part], reading: Reading
) -> None:
    """Append the rows of all JSON parts to `delivered`."""
    for index, part in parts.items():
        load_lines(connection, lines_of(part.path))
        refuse_others(connection, part, reading, "not a JSON object")
        found = connection.execute(
            "SELECT DISTINCT unnest(json_keys(text)) FROM lines WHERE is_object ORDER BY 1"
        ).fetchall()
        names = [str(row[0]) for row in found]
        reading.added_columns |= added_columns(source, names)
        if names:  # without a single object there is nothing to hold against the contract
            reading.broken += broken_columns(source, part.name, names)
            reading.broken += _not_texts(connection, source, part)
        insert(connection, source, index, "$")


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, each with its number from 1; foreign bytes as `\\xff`."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line.strip().decode("utf-8", "backslashreplace")


def load_lines(connection: duckdb.DuckDBPyConnection, lines: Iterator[tuple[int, str]]) -> None:
    """Make `lines` the table `lines` (number, text, is_object)."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE lines (number BIGINT, text VARCHAR, is_object BOOLEAN)"
    )
    while chunk := list(itertools.islice(lines, CHUNK)):
        connection.execute(
            """
            INSERT INTO lines
            SELECT number, text,
                CASE WHEN json_valid(text) THEN json_type(text) = 'OBJECT' ELSE false END
            FROM (SELECT unnest($1::BIGINT[]) AS number, unnest($2::VARCHAR[]) AS text)
            """,
            [[number for number, _ in chunk], [text for _, text in chunk]],
        )


def insert(connection: duckdb.DuckDBPyConnection, source: Source, index: int, root: str) -> None:
    """Append the objects of `lines` to `delivered`, reading the columns below the path `root`."""
    values = ", ".join(f"text ->> {path_to(column.name, root)}" for column in source.columns)
    connection.execute(
        f"INSERT INTO delivered SELECT {index}, number, {values} "
        "FROM lines WHERE is_object ORDER BY number"
    )


def path_to(column: str, root: str) -> str:
    """The JSON path of a column, as a SQL text."""
    escaped = column.replace("\\", "\\\\").replace('"', '\\"')
    return quoting.text(f'{root}."{escaped}"')


def refuse_others(
    connection: duckdb.DuckDBPyConnection, part: Part, reading: Reading, reason: str
) -> None:
    """Note the lines that are not what they should be."""
    others = connection.execute("SELECT number, text FROM lines WHERE NOT is_object ORDER BY 1")
    reading.refused += [
        Refused(part.name, line, None, reason, text) for line, text in others.fetchall()
    ]


def _not_texts(connection: duckdb.DuckDBPyConnection, source: Source, part: Part) -> list[str]:
    """Columns that should be text and hold mostly something else (a code that became a number)."""
    sentences = []
    for column in source.columns:
        if column.data_type != "varchar":
            continue
        kind = f"json_type(text, {path_to(column.name, '$')})"
        row = connection.execute(
            f"""
            SELECT count(*), count(*) FILTER (kind <> 'VARCHAR'), any_value(kind) FILTER
                (kind <> 'VARCHAR')
            FROM (SELECT {kind} AS kind FROM lines WHERE is_object) WHERE kind <> 'NULL'
            """
        ).fetchone()
        if row and 2 * row[1] > row[0]:
            found = f"{row[2].lower()} in {row[1]} of {row[0]} rows"
            sentences.append(retyped(source, part.name, column.name, found))
    return sentences
