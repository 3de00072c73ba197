"""The stage `features`: point-in-time training rows of a model, and fresh values online."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import DeclarationError, UnavailableError
from perennial.keep import locks, partitions
from perennial.keep.engine import connect
from perennial.keep.progress import progress
from perennial.keep.report import Report
from perennial.keep.watermark import is_followed


class Featured(Report):
    """What the stage `features` did."""

    model: str
    start: str
    end: str
    n_rows: int
    n_labelled: int
    n_days: int
    columns: tuple[str, ...]
    missing_share: dict[str, float]
    online_at: str | None = None
    views: tuple[str, ...] = ()


def features(
    model: str,
    start: str,
    end: str,
    online_at: str = "",
    *,
    project: Project | None = None,
) -> Featured:
    """Register the definitions and build the model's training rows of `start <= day < end`.

    Reads `data/lake/checked/marts` through Feast, each row only with what was known at its own
    time; writes `data/lake/training/<model>`, each day whole; a day that no longer has rows is
    withdrawn. With `online_at` (a date) the online store is filled with the values as of that day's
    first moment. Twice is the same as once.
    Raises `DeclarationError` for wrong definitions, `UnavailableError` when the mart has no rows.
    """
    project = project or Project.find()
    declared = project.model(model)
    period = partitions.period(start, end)
    moment = _first_moment(online_at) if online_at else None
    from perennial.features.inputs import inputs_of
    from perennial.features.refill import refill
    from perennial.features.repository import open_store, register

    with (
        locks.exclusive(project.var / "locks", "features"),
        progress(f"features {model}: {start} to {end}"),
    ):
        views = register(project)
        store = open_store(project)
        inputs = inputs_of(store, declared)
        rows = spine(project, declared, *period)
        joined = store.get_historical_features(
            entity_df=rows,
            features=store.get_feature_service(declared.features),
            full_feature_names=True,
        ).to_arrow()
        table = _training_table(rows, joined, inputs)
        days = _publish(project, model, table, rows["day"].to_pylist(), period)
        if moment:
            refill(project, moment, only_slow=is_followed(project))
    return Featured(
        model=model,
        start=start,
        end=end,
        n_rows=table.num_rows,
        n_labelled=table.num_rows - table["label"].null_count,
        n_days=days,
        columns=tuple(inputs.names),
        missing_share={
            name: round(table[name].null_count / table.num_rows, 6) for name in inputs.names
        },
        online_at=online_at or None,
        views=tuple(views),
    )


def _first_moment(day: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day), time(), UTC)
    except ValueError as error:
        raise ValueError(f"online_at must be a date (2013-03-01), got {day!r}") from error


def spine(project: Project, model: Model, start: date, end: date) -> Any:
    """The model's questions of the period: key, time, request fields, label; ordered by key."""
    table = project.lake / "checked" / "marts" / model.rows.mart
    files = [str(path) for path in partitions.files_of(table, start, end)]
    if not files:
        raise UnavailableError(
            f"models/{model.name}.yaml: rows.mart {model.rows.mart!r} has no checked day in "
            f"{start} to {end}; run `perennial layer` and `perennial check --layer marts` for it"
        )
    known = [field.name for field in model.request.fields if field.name not in model.rows.key]
    columns = ", ".join(f'"{name}"' for name in dict.fromkeys([*model.rows.key, *known]))
    order = ", ".join(f'"{name}"' for name in model.rows.key)
    asked = model.request.asked
    seconds_before = 60 * asked.minutes_before
    query = (
        f"SELECT {columns}, "
        f'CAST("{asked.field}" AS TIMESTAMPTZ) - to_seconds({seconds_before}) AS asked_at, '
        f'CAST("{model.rows.event_timestamp}" AS TIMESTAMPTZ) AS event_timestamp, '
        f'CAST("{model.label.column}" AS DOUBLE) AS label, '
        f'CAST("{model.label.known_at}" AS TIMESTAMPTZ) AS label_known_at, '
        f"CAST(day AS DATE) AS day "
        f"FROM read_parquet({files}, hive_partitioning = true) ORDER BY day, {order}"
    )
    with connect() as connection:
        try:
            rows = connection.sql(query).to_arrow_table()
            _must_be_asked_then(model, rows)
        except duckdb.BinderException as error:
            raise DeclarationError(
                [f"models/{model.name}.yaml: rows.mart {model.rows.mart!r} does not fit: {error}"]
            ) from error
    if not rows.num_rows:
        raise UnavailableError(
            f"models/{model.name}.yaml: rows.mart {model.rows.mart!r} has no row in "
            f"{start} to {end}"
        )
    return rows


def _must_be_asked_then(model: Model, rows: Any) -> None:
    """The mart's event time has to be the one that the gateway gives a question."""
    import pyarrow.compute as pc

    asked = model.request.asked
    n_other = pc.sum(pc.not_equal(rows["event_timestamp"], rows["asked_at"])).as_py() or 0
    if n_other:
        raise DeclarationError(
            [
                f"models/{model.name}.yaml: request.asked says {asked.minutes_before:g} minutes "
                f"before {asked.field}, but in {n_other} of {rows.num_rows} rows of the mart "
                f"{model.rows.mart!r} {model.rows.event_timestamp} is another moment"
            ]
        )


def _training_table(rows: Any, joined: Any, inputs: Any) -> Any:
    """Key, time, label, then the model's inputs in its own order."""
    import pyarrow as pa

    leading = [name for name in rows.column_names if name not in (*inputs.given, "day", "asked_at")]
    columns = {name: rows[name] for name in leading}
    for name, kind in inputs.columns.items():
        column = rows[name] if name in inputs.given else joined[name]
        columns[name] = column.cast(pa.string()) if kind == "category" else _numbers(column)
    return pa.table(columns)


def _numbers(column: Any) -> Any:
    """The column as float64: the very numbers that online look-ups give.

    Arrow's own cast of decimals is off by the last bit in one of three.
    """
    import pyarrow as pa

    if not pa.types.is_decimal(column.type):
        return column.cast(pa.float64())
    encoded = column.combine_chunks().dictionary_encode()  # each number once: there are few
    numbers = pa.array(map(float, encoded.dictionary.to_pylist()), pa.float64())
    return pa.chunked_array([numbers.take(encoded.indices)])


def _publish(
    project: Project, model: str, table: Any, days: list[date], period: tuple[date, date]
) -> int:
    """Publish the rows day by day; `days` is sorted and as long as the table."""
    folder = project.lake / "training" / model
    with partitions.aside(project.lake) as aside:
        files: dict[date, Path] = {}
        first = 0
        for day, group in groupby(days):
            length = sum(1 for _ in group)
            files[day] = aside / f"{day}.parquet"
            partitions.write(table.slice(first, length), files[day])
            first += length
        partitions.publish_files(folder, files, lambda _: None)
    for day in partitions.days_between(*period):
        if day not in files:
            partitions.withdraw(folder, day)
    return len(files)
