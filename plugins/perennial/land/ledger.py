"""The ledger of landings: per source what was delivered, and what each day's partition holds.

`var/state/land/<source>.json`. It holds no wall-clock time: the same work leaves the same bytes.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TypedDict

import duckdb

from perennial.declare.project import Project
from perennial.errors import IntegrityError
from perennial.keep.files import replace_text
from perennial.land.landed import LandedDay


class Day(TypedDict):
    """One landed day: its rows, the partition's bytes and digest, and the files it came from."""

    rows: int
    bytes: int
    sha256: str
    n_posted: int
    files: dict[str, str]


def path_of(project: Project, source: str) -> Path:
    """The ledger's file of one source."""
    return project.var / "state" / "land" / f"{source}.json"


def read(project: Project, source: str) -> dict[date, Day]:
    """The landed days of a source by day; empty when it never landed."""
    path = path_of(project, source)
    if not path.exists():
        return {}
    try:
        days = json.loads(path.read_text(encoding="utf-8"))["days"]
        return {date.fromisoformat(day): entry for day, entry in days.items()}
    except (ValueError, KeyError, AttributeError) as error:
        raise IntegrityError(
            f"{project.shown(path)}: is not a ledger of landings ({error}); remove it, "
            "and land again"
        ) from error


def write(project: Project, source: str, days: dict[date, Day]) -> None:
    """Replace the ledger of a source; the same twice."""
    listed = {day.isoformat(): days[day] for day in sorted(days)}
    content = json.dumps({"source": source, "days": listed}, indent=1, sort_keys=True) + "\n"
    path = path_of(project, source)
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        replace_text(path, content)


def updated(
    connection: duckdb.DuckDBPyConnection,
    entries: dict[date, Day],
    asked: list[date],
    lying: list[LandedDay],
    came_from: dict[date, dict[str, str]],
) -> dict[date, Day]:
    """`entries` after a landing: every asked day is in it, with rows or without."""
    n_posted = dict(
        connection.execute(
            "SELECT __day, count(*) FROM merged WHERE __posted GROUP BY 1"
        ).fetchall()
    )
    result = dict(entries)
    for day in asked:
        result.setdefault(day, Day(rows=0, bytes=0, sha256="", n_posted=0, files={}))
    for each in lying:
        files = {name: digest for name, digest in came_from.get(each.day, {}).items() if digest}
        is_theirs_alone = each.day in asked and files
        before = entries[each.day]["files"] if each.day in entries else {}
        result[each.day] = Day(
            rows=each.rows,
            bytes=each.bytes,
            sha256=each.sha256,
            n_posted=n_posted.get(each.day, 0),
            files=files if is_theirs_alone else before | files,
        )
    return result
