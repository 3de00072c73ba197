"""Partitions of the lake: written whole or not at all, one Parquet file a day.

`<table>/day=YYYY-MM-DD/part-0.parquet`. A file is written aside (`data/lake/.aside/`), flushed to
disk and then renamed over the old one, so that a reader sees the old partition or the new one and
never a part, whatever moment the writer dies at. What a dead writer left aside is swept by the
next one.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FILE = "part-0.parquet"


def days_between(start: date, end: date) -> list[date]:
    """The days `start <= day < end`, in order."""
    return [start + timedelta(days=n) for n in range((end - start).days)]


def partition(table: Path, day: date) -> Path:
    """The file that holds `day` of `table` (it may not exist)."""
    return table / f"day={day.isoformat()}" / FILE


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


def publish(table: Path, day: date, rows: pa.Table, lake: Path) -> Path:
    """Make `rows` the whole content of one day. Twice is the same as once."""
    with aside(lake) as folder:
        file = folder / FILE
        pq.write_table(rows, file, compression="zstd")
        return publish_file(table, day, file)


def publish_file(table: Path, day: date, file: Path) -> Path:
    """Move a finished Parquet file (on the lake's own file system) to its place."""
    target = partition(table, day)
    target.parent.mkdir(parents=True, exist_ok=True)
    _flush(file)
    os.replace(file, target)
    _flush(target.parent)
    return target


def link(table: Path, day: date, source: Path, lake: Path) -> Path:
    """Publish `source` as one day of `table` without copying its bytes where that is possible."""
    with aside(lake) as folder:
        file = folder / FILE
        try:
            os.link(source, file)
        except OSError:  # another file system, or one without hard links: bytes are copied
            shutil.copyfile(source, file)
        return publish_file(table, day, file)


def withdraw(table: Path, day: date) -> bool:
    """Remove one day of `table`; False when there was none."""
    target = partition(table, day)
    if not target.exists():
        return False
    target.unlink()
    if not any(target.parent.iterdir()):
        target.parent.rmdir()
    return True


@contextmanager
def aside(lake: Path) -> Iterator[Path]:
    """A private folder on the lake's file system that no reader looks into; gone afterwards."""
    sweep(lake)
    folder = lake / ".aside" / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(lake: Path) -> list[str]:
    """Remove what writers that no longer run left aside; returns the folders' names."""
    dead = [path for path in (lake / ".aside").glob("*-*") if not _runs(path.name.split("-")[0])]
    for path in dead:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in dead]


def _runs(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, under another user
        return True
    return True


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
