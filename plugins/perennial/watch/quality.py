"""Whether the watched days' data are whole: days, values, constants, what was set aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from perennial.declare.project import Project
from perennial.declare.watch import Watch
from perennial.keep import partitions
from perennial.keep.periods import days_between
from perennial.watch.columns import Column
from perennial.watch.rows import Rows
from perennial.watch.watched import Finding, Level

REGULAR = 2
"""A day of the week without rows in all weeks of the reference, at least so many, is no gap."""


def data_findings(
    project: Project,
    declared: Watch,
    reference: Rows,
    current: Rows,
    columns: Sequence[Column],
) -> list[Finding]:
    """What is wrong, or worth knowing, about the data themselves."""
    return [
        *_missing_days(reference, current),
        *_few_rows(declared, current),
        *(found for each in columns if (found := _column(each, declared)) is not None),
        *_quarantined(project, current.start, current.end),
    ]


def _missing_days(reference: Rows, current: Rows) -> Iterator[Finding]:
    for day in current.missing_days:
        if _is_closed(reference, day):
            yield _finding(
                "note", str(day), f"{day} has no rows, as on that day of every week before"
            )
        else:
            yield _finding("alarm", str(day), f"{day} has no rows: nothing was delivered, or a "
                           "gate stopped it")  # fmt: skip


def _is_closed(reference: Rows, day: date) -> bool:
    same = [
        each for each in days_between(reference.start, reference.end) if (day - each).days % 7 == 0
    ]
    return len(same) >= REGULAR and set(same) <= set(reference.missing_days)


def _few_rows(declared: Watch, current: Rows) -> Iterator[Finding]:
    if 0 < current.n_rows < declared.min_rows:
        yield _finding(
            "unknown", "rows",
            f"{current.n_rows} rows came, watch.min_rows asks for {declared.min_rows}: too few to "
            "tell anything",
        )  # fmt: skip


def _column(column: Column, declared: Watch) -> Finding | None:
    name, n_rows = column.name, column.counts.sum()
    if not n_rows and not column.missing_current:
        return None
    if not column.n_current and not column.n_reference:
        return _finding("note", name, f"{name} is missing everywhere, as when it was learned")
    worst = float(np.nanmax(column.daily_missing, initial=0.0))
    if column.missing_current > worst + declared.max_missing_rise:
        share = f"in {column.missing_current:.1%} of rows" if column.n_current else "everywhere"
        return _finding(
            "alarm", name,
            f"{name} is missing {share}; on the worst day that it was learned from it was in "
            f"{worst:.1%}",
        )  # fmt: skip
    if column.is_constant:
        return _finding("note", name, f"{name} has one value only, now and when it was learned")
    return None


def _quarantined(project: Project, start: date, end: date) -> Iterator[Finding]:
    for folder in sorted((project.lake / "quarantine").glob("*/*")):
        layer, table = folder.parent.name, folder.name
        for day in days_between(start, end):
            n_aside = _n_rows(folder / f"day={day}")
            if n_aside:
                n_kept = _n_rows(partitions.partition(
                    project.lake / "checked" / layer / table, day).parent)  # fmt: skip
                share = n_aside / (n_aside + n_kept)
                yield _finding(
                    "note", f"{layer}.{table}",
                    f"{n_aside} rows of {layer} {table} of {day} were set aside ({share:.1%})",
                )  # fmt: skip


def _n_rows(folder: Path) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(file).num_rows for file in folder.glob("*.parquet"))


def _finding(level: Level, subject: str, sentence: str) -> Finding:
    return Finding(kind="data_quality", level=level, subject=subject, sentence=sentence)
