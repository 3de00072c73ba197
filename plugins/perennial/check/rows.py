"""The rows of one table and period: as a frame for the gate, and each by its place in the files."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from perennial.check.columns import mentioned, texts_of
from perennial.declare.gates import Gate
from perennial.errors import ContractBrokenError
from perennial.keep import partitions

if TYPE_CHECKING:
    import pandas as pd

DAY = "day"


@dataclass(frozen=True)
class Part:
    """One day's file and the position of its first row in the frame."""

    day: date
    file: Path
    first: int
    n_rows: int


@dataclass(frozen=True)
class Rows:
    """A period of one table: its parts in order, and the columns that its gate needs."""

    parts: tuple[Part, ...]
    frame: pd.DataFrame

    @property
    def n_rows(self) -> int:
        """How many rows the parts hold together."""
        return sum(part.n_rows for part in self.parts)

    def at(self, position: int) -> dict[str, Any]:
        """The whole row at `position` of the frame, with its `day`."""
        part = next(each for each in self.parts if position < each.first + each.n_rows)
        row = pq.ParquetFile(part.file).read().slice(position - part.first, 1).to_pylist()[0]
        return {DAY: part.day, **row}


def hold(table: Path, days: list[date], folder: Path) -> dict[date, Path]:
    """Hold the days that `table` has under `folder`, by hard link where that is possible.

    What is read, judged and published is then the same file, even when its writer replaces the
    day in the meantime.
    """
    held: dict[date, Path] = {}
    for day in days:
        source, target = partitions.partition(table, day), folder / f"{day}.parquet"
        with contextlib.suppress(FileNotFoundError):  # no such day
            try:
                os.link(source, target)
            except FileNotFoundError:
                raise
            except OSError:  # a file system without hard links: bytes are copied
                shutil.copyfile(source, target)
            held[day] = target
    return held


def read(held: dict[date, Path], gate: Gate | None) -> Rows:
    """The rows in the held files, with the columns that `gate` mentions (one when there is none).

    The partition's `day` is one of them when the gate mentions it and the table has none itself.

    Raises `ContractBrokenError` when they are not Parquet files of one type per column.
    """
    tables: list[pa.Table] = []
    for day, path in held.items():
        try:
            tables.append(_read_one(path, day, gate))
        except (pa.ArrowException, OSError) as error:
            raise ContractBrokenError(f"day {day} cannot be read as Parquet: {error}") from error
    lengths = [table.num_rows for table in tables]
    starts = accumulate(lengths, initial=0)
    parts = [Part(*each) for each in zip(held, held.values(), starts, lengths, strict=False)]
    try:
        together = (
            pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
        )
    except pa.ArrowException as error:
        raise ContractBrokenError(f"the days do not have the same types: {error}") from error
    return Rows(tuple(parts), _wide(together).to_pandas())


def _wide(table: pa.Table) -> pa.Table:
    """Numbers in 64 bits: Great Expectations compares all others one by one in Python."""
    types = pa.types
    for index, field in enumerate(table.schema):
        is_long = field.type in (pa.int64(), pa.uint64())
        if types.is_integer(field.type) and not is_long:
            table = table.set_column(index, field.name, table[index].cast(pa.int64()))
        elif types.is_decimal(field.type) or field.type in (
            pa.uint64(),
            pa.float16(),
            pa.float32(),
        ):
            table = table.set_column(index, field.name, table[index].cast(pa.float64()))
    return table


def _read_one(path: Path, day: date, gate: Gate | None) -> pa.Table:
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    table = file.read(columns=mentioned(gate, names))
    if DAY not in names and gate is not None and DAY in texts_of(gate):  # the partition's day
        table = table.append_column(DAY, pa.repeat(pa.scalar(day, pa.date32()), table.num_rows))
    return table
