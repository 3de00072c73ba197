"""On which line of a CSV file a row stands. Looked up only for rows that are refused."""

from __future__ import annotations

import csv
import mmap
from pathlib import Path

from perennial.land.delivery import Script


def lines_at(path: Path, offsets: list[int]) -> dict[int, tuple[int, str]]:
    """Per byte offset (of a line's start) its line, counted from 1, and that line's text.

    Bytes that are not UTF-8 are shown as `\\xff`, so that nothing is lost.
    """
    found: dict[int, tuple[int, str]] = {}
    line, counted = 1, 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for offset in sorted(offsets):
            start = offset
            while content[start : start + 1] in (b"\r", b"\n"):  # DuckDB may point before \n
                start += 1
            line += len(content[counted:start].split(b"\n")) - 1
            counted = start
            end = content.find(b"\n", start)
            text = content[start : end if end >= 0 else len(content)].rstrip(b"\r")
            found[offset] = (line, text.decode("utf-8", "backslashreplace"))
    return found


def lines_of_rows(script: Script, wanted: set[int]) -> dict[int, int]:
    """Per row number (counted from 0 over the rows that were read) the line it begins on."""
    found: dict[int, int] = {}
    with script.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=script.delimiter)
        next(rows, None)
        number, before = 0, rows.line_num
        for row in rows:
            begins, before = before + 1, rows.line_num
            if begins in script.refused_lines or (not row and script.n_columns > 1):
                continue
            if number in wanted:
                found[number] = begins
            number += 1
    return found
