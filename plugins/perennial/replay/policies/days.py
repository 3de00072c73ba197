"""Days of the lake, each read once while it is of use, with what was known of them at a night."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep import partitions
from perennial.learn.contract import FloatArray
from perennial.train import labelled_rows
from perennial.train.labelled_rows import KNOWN_AT, LABEL, training_table
from perennial.watch.performance import LOOK_BACK_DAYS
from perennial.watch.rows import Rows

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Day:
    """All rows of one day, in the order of the file."""

    features: Any
    """A pyarrow Table with the feature columns alone."""
    labels: FloatArray
    """The labels that are known by now, whenever that was; NaN where there is none."""
    known_at: npt.NDArray[np.int64]
    """When it was known whether and which label a row has, in microseconds; NEVER if unknown."""

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return int(self.labels.size)

    def is_settled(self, night: date) -> npt.NDArray[np.bool_]:
        """Of which rows it was known at 00:00 UTC of `night` whether and which label they have."""
        midnight = datetime.combine(night, time(), tzinfo=UTC)
        return np.asarray(self.known_at <= int(midnight.timestamp()) * 1_000_000)


class Days:
    """The days of one model's training table; those that watch looks back on stay in memory."""

    def __init__(self, project: Project, model: Model) -> None:
        self.project, self.model = project, model
        self.table = training_table(project, model)
        look_back = max(model.watch.days, model.watch.performance_days + LOOK_BACK_DAYS)
        self.n_kept = look_back + 1  # and the day that is new
        self.read = lru_cache(self.n_kept)(self._read)

    def _read(self, day: date) -> Day | None:
        """The rows of one day; None where the lake has none."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        file = partitions.partition(self.table, day)
        if not file.exists():
            return None
        rows = pq.ParquetFile(file).read()
        labelled_rows.check_columns(self.project, self.model, rows.column_names)
        labels = labelled_rows.labels_of(rows[LABEL])
        labelled_rows.check_labels(self.project, self.model, labels[~np.isnan(labels)])
        moments = rows[KNOWN_AT].cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())
        known_at = np.asarray(pc.fill_null(moments, NEVER), np.int64)
        names = labelled_rows.feature_names(rows.column_names)
        return Day(rows.select(names), labels, known_at)

    def rows(
        self, start: date, end: date, night: date, columns: dict[date, Any] | None = None
    ) -> Rows:
        """Rows of `start <= day < end` as watch needs them, by what was known at `night`.

        With `columns`, a table for each day, those stand in the place of the features.
        """
        import pyarrow as pa

        there = [
            (day, found) for day in partitions.days_between(start, end)
            if (found := self.read(day)) is not None and found.n_rows
        ]  # fmt: skip
        if not there:
            empty = np.empty(0)
            return Rows(start, end, pa.table({}), empty, empty.astype(bool),
                        empty.astype("datetime64[D]"))  # fmt: skip
        settled = np.concatenate([each.is_settled(night) for _, each in there])
        tables = [columns[day] if columns else each.features for day, each in there]
        return Rows(
            start=start,
            end=end,
            features=pa.concat_tables(tables, promote_options="permissive"),
            labels=np.where(settled, np.concatenate([each.labels for _, each in there]), np.nan),
            is_settled=settled,
            days=np.repeat(
                np.array([day for day, _ in there], "datetime64[D]"),
                [each.n_rows for _, each in there],
            ),
        )


def days_before(night: date, n: int) -> date:
    """The day `n` days before a night."""
    return night - timedelta(days=n)
