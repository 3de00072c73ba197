"""Partitions of the lake: written whole or not at all, one Parquet file a day.

`<table>/day=YYYY-MM-DD/part-0.parquet`. A file is written aside (`perennial.keep.aside`), flushed
to disk and then renamed over the old one, so that a reader sees the old partition or the new one
and never a part, whatever moment the writer dies at. What a dead writer left aside is swept by the
next one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from perennial.keep.aside import aside, sweep
from perennial.keep.periods import days_between, period

__all__ = [
    "FILE", "aside", "days_between", "days_of", "files_of", "glob_of", "partition",
    "period", "publish", "publish_file", "publish_files", "sweep", "withdraw", "write",
]  # fmt: skip

FILE = "part-0.parquet"

Item = TypeVar("Item")

WRITERS = 8  # a flush waits for the disk: eight at once take a twentieth of the time


def partition(table: Path, day: date, name: str = FILE) -> Path:
    """The file that holds `day` of `table` (it may not exist)."""
    return table / f"day={day.isoformat()}" / name


def days_of(table: Path) -> list[date]:
    """The days that `table` has, in order."""
    found = (path.parent.name.removeprefix("day=") for path in table.glob(f"day=*/{FILE}"))
    return sorted(date.fromisoformat(each) for each in found)


def files_of(table: Path, start: date | None = None, end: date | None = None) -> list[Path]:
    """The files of `table` with `start <= day < end`, in order; open ends when None."""
    return [
        partition(table, day)
        for day in days_of(table)
        if (start is None or start <= day) and (end is None or day < end)
    ]


def glob_of(table: Path) -> str:
    """The pattern under which DuckDB reads all of `table` (day becomes a column)."""
    return str(table / "day=*" / FILE)


def write(rows: pa.Table, file: Path) -> None:
    """Write a partition's file. The same rows give the same bytes, however they came about."""
    pq.write_table(rows.combine_chunks(), file, compression="zstd")


def publish(table: Path, day: date, rows: pa.Table, lake: Path, name: str = FILE) -> Path:
    """Make `rows` the whole content of one day. Twice is the same as once."""
    with aside(lake) as folder:
        file = folder / name
        write(rows, file)
        return publish_file(table, day, file, name)


def publish_file(table: Path, day: date, file: Path, name: str = FILE) -> Path:
    """Move a finished Parquet file (on the lake's own file system) to its place."""
    target = partition(table, day, name)
    _make(target.parent)
    _flush(file)
    os.replace(file, target)
    _flush(target.parent)
    return target


def publish_files(table: Path, files: dict[date, Path], done: Callable[[int], None]) -> None:
    """Move many finished files to their places, many at once; `done` hears of each.

    All bytes are on the disk before the first day is published, so that a full disk publishes
    nothing; each day by itself is whole or not there.
    """
    _each(_flush, files.values())

    def move(day: date) -> None:
        publish_file(table, day, files[day])
        done(1)

    _each(move, files)


def withdraw(table: Path, day: date) -> bool:
    """Remove one day of `table`; False when there was none."""
    target = partition(table, day)
    if not target.exists():
        return False
    target.unlink()
    if not any(target.parent.iterdir()):
        target.parent.rmdir()
    return True


def _each(act: Callable[[Item], None], items: Iterable[Item]) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(act, item) for item in items]:
            done.result()


def _make(folder: Path) -> None:
    """Make a folder and what is above it, so that the entries are on the disk too."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        _flush(each.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
