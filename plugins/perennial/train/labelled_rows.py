"""Point-in-time rows out of the lake, with the labels that were known at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import ContractBrokenError, NotEnoughEvidenceError
from perennial.keep import partitions
from perennial.learn.contract import DayArray, FloatArray

ASKED_AT, LABEL, KNOWN_AT = "event_timestamp", "label", "label_known_at"


@dataclass(frozen=True)
class LabelledRows:
    """Rows of `start <= day < end` whose label was known, in the order of their time."""

    start: date
    end: date
    features: Any
    """A pyarrow Table with the feature columns alone."""
    labels: FloatArray
    days: DayArray
    """The UTC day on which each row was asked."""
    known_at: npt.NDArray[np.datetime64]
    """When each row's label was known (UTC, microseconds)."""
    n_unlabelled: int
    """Rows left out because they have no label at all."""
    n_not_yet_known: int
    """Rows left out because their label was known only later."""

    @property
    def n_rows(self) -> int:
        """How many rows have a known label."""
        return int(self.labels.size)

    @property
    def mean_label(self) -> float:
        """The mean label: for binary the share of positives; NaN without rows."""
        return float(self.labels.mean()) if self.n_rows else float("nan")


def training_table(project: Project, model: Model) -> Path:
    """Where the features stage puts a model's point-in-time rows."""
    return project.lake / "training" / model.name


def files_between(
    project: Project, model: Model, start: date | None, end: date
) -> tuple[date, list[Path]]:
    """The first day and the partitions of `start <= day < end`; an error when there are none."""
    table = training_table(project, model)
    files = partitions.files_of(table, start, end)
    if not files:
        asked = f"{start or 'any day'} <= day < {end}"
        days = partitions.days_of(table)
        there = f"days {days[0]} to {days[-1]}" if days else "no day at all"
        raise NotEnoughEvidenceError(
            f"model {model.name} needs training rows of {asked}, but {project.shown(table)} has "
            f"{there}: run features for that period"
        )
    first = date.fromisoformat(files[0].parent.name.removeprefix("day="))
    return first if start is None else start, files


def read_labelled(
    project: Project, model: Model, start: date | None, end: date, known_by: date
) -> LabelledRows:
    """Rows of `start <= day < end` with a label known at 00:00 UTC of `known_by`.

    A label counts only when its `label_known_at` is at or before that moment, so that nothing is
    learned or judged by what nobody could know yet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first, files = files_between(project, model, start, end)
    tables = [pq.ParquetFile(file).read() for file in files]
    days = [file.parent.name.removeprefix("day=") for file in files]
    counts = [table.num_rows for table in tables]
    table = pa.concat_tables(tables, promote_options="permissive")
    check_columns(project, model, table.column_names)
    table = table.append_column("day", pa.array(np.repeat(days, counts)))
    # The order in a file is the writer's business; the model must not depend on it.
    table = table.sort_by([(name, "ascending") for name in ("day", ASKED_AT, *model.rows.key)])
    labels = labels_of(table[LABEL])
    has_label = ~np.isnan(labels)
    is_known = has_label & known(table[KNOWN_AT], known_by)
    table = table.filter(pa.array(is_known))
    rows = LabelledRows(
        start=first,
        end=end,
        features=table.select(feature_names(table.column_names)),
        labels=labels[is_known],
        days=np.array(table["day"].to_pylist(), dtype="datetime64[D]"),
        known_at=np.asarray(table[KNOWN_AT].cast("timestamp[us]"), dtype="datetime64[us]"),
        n_unlabelled=int((~has_label).sum()),
        n_not_yet_known=int((has_label & ~is_known).sum()),
    )
    check_labels(project, model, rows.labels)
    return rows


def check_columns(project: Project, model: Model, names: list[str]) -> None:
    """The training table has what the features stage promises, or ContractBrokenError."""
    wanted = [*model.rows.key, ASKED_AT, LABEL, KNOWN_AT]
    missing = [name for name in wanted if name not in names]
    if missing or not feature_names(names):
        raise ContractBrokenError(
            f"{project.shown(training_table(project, model))} must have the columns "
            f"{', '.join(wanted)} and then features, but has {', '.join(names)}"
        )


def feature_names(names: list[str]) -> list[str]:
    """The feature columns among all columns of the training table."""
    return [name for name in names[names.index(KNOWN_AT) + 1 :] if name != "day"]


def labels_of(column: Any) -> FloatArray:
    """Labels as floats; null is NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    floats = column.cast(pa.float64(), safe=False)
    return np.asarray(pc.fill_null(floats, float("nan")), dtype=np.float64)


def known(column: Any, known_by: date) -> Any:
    """Whether each moment is at or before 00:00 UTC of `known_by`; a null moment is not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    limit = pa.scalar(datetime.combine(known_by, time(), tzinfo=UTC), pa.timestamp("us", "UTC"))
    moments = column.cast(pa.timestamp("us", "UTC"), safe=False)
    return np.asarray(pc.fill_null(pc.less_equal(moments, limit), False), dtype=np.bool_)


def check_labels(project: Project, model: Model, labels: FloatArray) -> None:
    """Labels are such as the task has, or ContractBrokenError."""
    strange = labels[~np.isfinite(labels)]
    if model.task == "binary":
        strange = labels[(labels != 0) & (labels != 1)]
    if strange.size:
        accepted = "0 or 1" if model.task == "binary" else "finite numbers"
        raise ContractBrokenError(
            f"{project.shown(training_table(project, model))}: labels must be {accepted}, got "
            f"{strange[0]:g} in {strange.size} rows (declared in models/{model.name}.yaml: label)"
        )
