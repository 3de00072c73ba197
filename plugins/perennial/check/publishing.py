"""What passed goes on to `data/lake/checked`; what must not is set aside or withdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from perennial.check import quarantine
from perennial.check.quarantine import Reasons
from perennial.check.rows import Part, Rows
from perennial.keep import partitions


@dataclass(frozen=True)
class Shelf:
    """Where one table's checked and quarantined days lie."""

    lake: Path
    layer: str
    table: str

    @property
    def checked(self) -> Path:
        """The days that later stages read."""
        return self.lake / "checked" / self.layer / self.table

    @property
    def quarantine(self) -> Path:
        """The rows that were set aside."""
        return self.lake / "quarantine" / self.layer / self.table


def publish(shelf: Shelf, rows: Rows, reasons: Reasons, days: list[date]) -> tuple[int, int]:
    """Publish each part without the rows in `reasons`; withdraw those of `days` that are gone.

    Returns how many days were rewritten and how many were withdrawn. A row is set aside before its
    day is published, and forgotten there after it was published again: whenever the process dies,
    no row is lost.
    """
    taken = np.array(sorted(reasons), dtype=np.int64)
    whole, rewritten = {}, {}
    for part in rows.parts:
        bad = taken[(taken >= part.first) & (taken < part.first + part.n_rows)]
        if bad.size:
            rewritten[part.day] = _set_aside(shelf, part, bad, reasons)
        elif not _is_published(shelf, part):
            whole[part.day] = part.file
    kept = {day: file for day, file in rewritten.items() if file is not None}
    partitions.publish_files(shelf.checked, whole | kept, lambda n: None)
    here = {part.day for part in rows.parts}
    for day in (here | set(days)) - set(rewritten):
        quarantine.clear(shelf.quarantine, day)
    gone = (set(days) - here) | (set(rewritten) - set(kept))
    n_withdrawn = sum(partitions.withdraw(shelf.checked, day) for day in gone)
    return len(kept), n_withdrawn


def _set_aside(shelf: Shelf, part: Part, bad: np.ndarray, reasons: Reasons) -> Path | None:
    """Put the bad rows of one day into quarantine; a file with the others, if there are any."""
    content = pq.ParquetFile(part.file).read()
    is_bad = np.zeros(part.n_rows, dtype=bool)
    is_bad[bad - part.first] = True
    failed = [reasons[int(position)] for position in bad]
    rejected = content.filter(pa.array(is_bad))
    quarantine.write(shelf.quarantine, part.day, rejected, failed, shelf.lake)
    if is_bad.all():
        return None
    file = part.file.with_suffix(".kept")
    partitions.write(content.filter(pa.array(~is_bad)), file)
    return file


def _is_published(shelf: Shelf, part: Part) -> bool:
    target = partitions.partition(shelf.checked, part.day)
    return target.exists() and target.samefile(part.file)
