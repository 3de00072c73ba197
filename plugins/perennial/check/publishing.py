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

    Returns how many days were rewritten and how many were withdrawn. Rows are set aside before
    their day is published, so that none is lost whenever the process dies.
    """
    taken = np.array(sorted(reasons), dtype=np.int64)
    n_rewritten = sum(_publish(shelf, part, taken, reasons) for part in rows.parts)
    gone = set(days) - {part.day for part in rows.parts}
    for day in gone:
        quarantine.clear(shelf.quarantine, day)
    n_withdrawn = sum(partitions.withdraw(shelf.checked, day) for day in gone)
    return n_rewritten, n_withdrawn


def _publish(shelf: Shelf, part: Part, taken: np.ndarray, reasons: Reasons) -> bool:
    bad = taken[(taken >= part.first) & (taken < part.first + part.n_rows)]
    if not bad.size:
        quarantine.clear(shelf.quarantine, part.day)
        _link(shelf, part)
        return False
    content = pq.ParquetFile(part.file).read()
    is_bad = np.zeros(part.n_rows, dtype=bool)
    is_bad[bad - part.first] = True
    failed = [reasons[int(position)] for position in bad]
    quarantine.write(
        shelf.quarantine, part.day, content.filter(pa.array(is_bad)), failed, shelf.lake
    )
    if is_bad.all():
        partitions.withdraw(shelf.checked, part.day)
    else:
        rest = content.filter(pa.array(~is_bad))
        partitions.publish(shelf.checked, part.day, rest, shelf.lake)
    return True


def _link(shelf: Shelf, part: Part) -> None:
    target = partitions.partition(shelf.checked, part.day)
    if not (target.exists() and target.samefile(part.file)):
        partitions.link(shelf.checked, part.day, part.file, shelf.lake)
