"""Rows of a period as watch needs them: all of them, with the labels that were known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep import partitions
from perennial.learn.contract import DayArray, FloatArray
from perennial.train import labelled_rows
from perennial.train.labelled_rows import training_table

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """Rows of `start <= day < end`, labelled or not; there may be none."""

    start: date
    end: date
    features: Any
    """A pyarrow Table with the feature columns alone."""
    labels: FloatArray
    """NaN where there is no label or none was known yet."""
    is_settled: Mask
    """Rows of which it was known whether and which label they have."""
    days: DayArray
    """The UTC day of each row."""

    @property
    def n_rows(self) -> int:
        """How many rows there are, with a label or without."""
        return int(self.labels.size)

    @property
    def has_label(self) -> Mask:
        """Rows with a known label."""
        return ~np.isnan(self.labels)

    @property
    def missing_days(self) -> list[date]:
        """Days of the period without any row."""
        present = set(np.unique(self.days).tolist())
        return [each for each in partitions.days_between(self.start, self.end)
                if each not in present]  # fmt: skip

    def take(self, mask: Mask) -> Rows:
        """The rows of a mask (n,), of the same period."""
        import pyarrow as pa

        return Rows(
            self.start,
            self.end,
            self.features.filter(pa.array(mask)),
            self.labels[mask],
            self.is_settled[mask],
            self.days[mask],
        )


def thinned(rows: Rows, most: int) -> Mask:
    """A mask (n,) of at most `most` rows of each day, evenly spaced in the order of the file."""
    days, starts, counts = np.unique(rows.days, return_index=True, return_counts=True)
    within = np.arange(rows.n_rows) - np.repeat(starts, counts)
    step = np.repeat(np.maximum(-(-counts // most), 1), counts)
    return within % step == 0 if days.size else np.empty(0, dtype=bool)


def read_rows(project: Project, model: Model, start: date, end: date, known_by: date) -> Rows:
    """All rows of `start <= day < end`, with the labels known at 00:00 UTC of `known_by`.

    A period without rows is no error here: that there are none is what is to be told.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = partitions.files_of(training_table(project, model), start, end)
    tables = [pq.ParquetFile(file).read() for file in files]
    if not sum(table.num_rows for table in tables):
        empty = np.empty(0)
        return Rows(
            start, end, tables[0].select([]) if tables else pa.table({}), empty,
            empty.astype(bool), empty.astype("datetime64[D]"),
        )  # fmt: skip
    table = pa.concat_tables(tables, promote_options="permissive")
    labelled_rows.check_columns(project, model, table.column_names)
    days = [np.datetime64(file.parent.name.removeprefix("day=")) for file in files]
    is_settled = labelled_rows.known(table[labelled_rows.KNOWN_AT], known_by)
    given = labelled_rows.labels_of(table[labelled_rows.LABEL])
    labels = np.where(is_settled, given, np.nan)
    labelled_rows.check_labels(project, model, labels[~np.isnan(labels)])
    return Rows(
        start=start,
        end=end,
        features=table.select(labelled_rows.feature_names(table.column_names)),
        labels=labels,
        is_settled=is_settled,
        days=np.repeat(np.array(days, "datetime64[D]"), [each.num_rows for each in tables]),
    )
