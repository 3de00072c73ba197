"""The table of answers: `data/lake/predictions/<model>/day=…/`, one schema for live and batch."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from perennial.declare.project import Project
from perennial.keep import partitions

LIVE, BATCH = "live.parquet", "batch.parquet"

SCHEMA = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("model", pa.string()),
        ("version", pa.string()),
        ("variant", pa.string()),  # champion | challenger | batch
        ("slot", pa.string()),  # null for batch, as the next three
        ("release_id", pa.int64()),
        ("fallback", pa.string()),  # JSON: which version should have answered, and why it did not
        ("at", pa.timestamp("us", "UTC")),  # the wall clock's
        ("asked_at", pa.timestamp("us", "UTC")),
        ("key", pa.string()),  # JSON; batch only
        ("request", pa.string()),  # JSON; live only, as the next
        ("features", pa.string()),
        ("score", pa.float64()),
        ("latency_ms", pa.float64()),
        ("label", pa.float64()),  # null until it is known
        ("label_at", pa.timestamp("us", "UTC")),
    ]
)


def predictions_table(project: Project, model: str) -> Path:
    """Where a model's answers are kept."""
    return project.lake / "predictions" / model


def days_with(table: Path, name: str) -> list[date]:
    """The days that have a file called `name`, in order."""
    days = (path.parent.name.removeprefix("day=") for path in table.glob(f"day=*/{name}"))
    return sorted(date.fromisoformat(each) for each in days)


def read_day(table: Path, day: date, name: str, columns: list[str] | None = None) -> pa.Table:
    """One day's rows; none where there is no file."""
    file = partitions.partition(table, day, name)
    if not file.exists():
        return SCHEMA.empty_table() if columns is None else SCHEMA.empty_table().select(columns)
    return pq.ParquetFile(file).read(columns=columns)


def write_day(table: Path, day: date, name: str, rows: list[dict[str, Any]], lake: Path) -> None:
    """Make `rows` all that a day's file holds."""
    partitions.publish(table, day, pa.Table.from_pylist(rows, schema=SCHEMA), lake, name)


def read_answers(
    project: Project, model: str, start: date, end: date, name: str = LIVE
) -> pa.Table:
    """The answers to questions of `start <= day < end`, without their JSON columns."""
    columns = [each for each in SCHEMA.names if each not in ("request", "features", "key")]
    table = predictions_table(project, model)
    days = [day for day in days_with(table, name) if start <= day < end]
    parts = [read_day(table, day, name, columns) for day in days]
    return pa.concat_tables(parts) if parts else read_day(table, start, "", columns)
