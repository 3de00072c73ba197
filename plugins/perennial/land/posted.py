"""Rows that were posted as events during the day, read from their journal.

`var/journal/events/<source>/*.jsonl`, in name order; each line
`{"seq": 17, "received_at": "…", "row": {column: value, …}}`. A writer that was killed leaves a
torn line (cut off, or no JSON): it was never acknowledged, so it is ignored, and counted.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import duckdb

from perennial.declare.project import Project
from perennial.declare.sources import Source
from perennial.land import json_lines
from perennial.land.delivery import Part, Reading


def journals(project: Project, source: Source) -> list[Part]:
    """The journal files of a source that takes events; none when it takes none."""
    if source.land.events is None:
        return []
    folder = project.var / "journal" / "events" / source.name
    return [
        Part(name=project.shown(path), path=path, file=project.shown(path), is_posted=True)
        for path in sorted(folder.glob("*.jsonl"))
        if path.stat().st_size  # a gateway that has heard nothing yet leaves an empty one
    ]


def read(
    connection: duckdb.DuckDBPyConnection, source: Source, parts: dict[int, Part], reading: Reading
) -> None:
    """Append every posted row to `delivered`, in the order of posting.

    A column that an event leaves out is not known yet, and null.
    """
    for index, part in parts.items():
        unfinished = _last_is_unfinished(part.path)
        lines = json_lines.lines_of(part.path)
        json_lines.load_lines(connection, _without_last(lines) if unfinished else lines)
        reading.n_torn += unfinished + _count(connection, "NOT json_valid(text)")
        connection.execute("DELETE FROM lines WHERE NOT json_valid(text)")
        connection.execute(
            "UPDATE lines SET is_object = coalesce(json_type(text, '$.row') = 'OBJECT', false)"
        )
        json_lines.refuse_others(connection, part, reading, "not an event with a row")
        json_lines.insert(connection, source, index, "$.row")


def _last_is_unfinished(path: Path) -> bool:
    """Whether the file ends within a line: one being written now, or never to its end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read() not in (b"", b"\n")


def _count(connection: duckdb.DuckDBPyConnection, condition: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM lines WHERE {condition}").fetchone()
    return int(row[0]) if row else 0


def _without_last(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    return (line for line, _ in itertools.pairwise(lines))
