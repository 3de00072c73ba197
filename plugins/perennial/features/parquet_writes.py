"""Parquet written so that a reader never sees half of it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from perennial.keep.engine import connect
from perennial.keep.quoting import name as quote
from perennial.keep.quoting import text


def replace_dataset(path: Path, rows: pa.Table) -> None:
    """Make `rows` the whole of `path`: the file `…​.parquet`, or a folder of one file."""
    if path.suffix == ".parquet":
        _replace_file(path, rows)
        return
    file = path / "part-0.parquet"
    _replace_file(file, rows)
    for stale in path.rglob("*.parquet"):
        if stale != file:
            stale.unlink()


def append_rows(path: Path, rows: pa.Table) -> None:
    """Add `rows` to the Parquet at `path`: a single file is rewritten, a folder gets new files.

    A folder's hive partitions (`day=…`) are those of the files it has.
    """
    if path.suffix == ".parquet":
        old = pq.read_table(path) if path.exists() else rows.slice(0, 0)
        _replace_file(path, pa.concat_tables([old, _as_in(old.schema, rows)]))
        return
    first = min(path.rglob("*.parquet"), default=None)
    if first is None:
        add_files(path, rows, [])
        return
    parts = first.relative_to(path).parent.parts
    partition_by = [part.partition("=")[0] for part in parts if "=" in part]
    add_files(path, _as_in(pq.read_schema(first), rows), partition_by)


def add_files(folder: Path, rows: pa.Table, partition_by: Sequence[str]) -> None:
    """Write `rows` as new files below `folder`, next to those it has."""
    if not partition_by:
        _replace_file(folder / f"{uuid.uuid4().hex}.parquet", rows)
        return
    folder.mkdir(parents=True, exist_ok=True)
    with connect() as connection:
        connection.register("rows_to_add", rows)
        connection.execute(
            f"COPY rows_to_add TO {text(str(folder))} (FORMAT parquet, APPEND, "
            f"PARTITION_BY ({', '.join(map(quote, partition_by))}), FILENAME_PATTERN '{{uuid}}')"
        )


def _as_in(schema: pa.Schema, rows: pa.Table) -> pa.Table:
    """`rows` with the types of `schema`; columns it does not have stay as they are."""
    for place, name in enumerate(rows.column_names):
        if name in schema.names:
            rows = rows.set_column(place, name, rows[name].cast(schema.field(name).type))
    return rows


def _replace_file(path: Path, rows: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(rows, beside)
    os.replace(beside, path)
