"""A form's answers beside the original's, over the same held-out rows and resamples of days."""

from __future__ import annotations

from typing import Any

import numpy as np

from perennial.declare.model import Model
from perennial.learn.contract import FloatArray
from perennial.measure.intervals import Comparison, compare
from perennial.measure.metrics import METRICS
from perennial.measure.parts import parts
from perennial.optimize.optimized import Slice
from perennial.train.estimates import Value
from perennial.train.labelled_rows import LabelledRows

N_ODD = 20
UNHEARD_OF = "a category that nobody has seen"


def compared(
    model: Model,
    rows: LabelledRows,
    original: FloatArray,
    scores: FloatArray,
    metrics: tuple[str, ...],
    is_in: Any = slice(None),
) -> dict[str, Comparison]:
    """Each metric of both forms' scores (n,), and the difference paired by day."""
    declared = model.judge
    return compare(
        {name: METRICS[name].prepare for name in metrics},
        rows.labels[is_in],
        original[is_in],
        scores[is_in],
        seed=model.train.seed,
        groups=rows.days[is_in],
        n_resamples=declared.resamples,
        confidence=declared.confidence,
    )


def slices_of(
    model: Model, rows: LabelledRows, original: FloatArray, scores: FloatArray
) -> tuple[Slice, ...]:
    """The primary metric and its difference by the values of each column of `judge.slices`."""
    primary = model.judge.primary
    return tuple(
        _slice(column, value, int(is_in.sum()), each[primary])
        for column in model.judge.slices
        for value, is_in in parts(rows.features[column].to_pylist())
        for each in [compared(model, rows, original, scores, (primary,), is_in)]
    )


def _slice(column: str, value: str | None, n_rows: int, found: Comparison) -> Slice:
    return Slice(
        column=column,
        value=value,
        n_rows=n_rows,
        primary=Value.of(found.challenger),
        difference=Value.of(found.difference),
    )


def odd_rows(features: Any) -> Any:
    """Rows as they may come but seldom do: each column missing in turn, texts unheard of.

    Of a pyarrow Table's first rows. A form that promises the original's answers has to keep that
    here, too.
    """
    import pyarrow as pa

    few = features.slice(0, N_ODD)
    tables = [few]
    for place, field in enumerate(features.schema):
        tables.append(few.set_column(place, field, pa.nulls(few.num_rows, field.type)))
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            strange = pa.array([UNHEARD_OF] * few.num_rows, field.type)
            tables.append(few.set_column(place, field, strange))
    return pa.concat_tables(tables)


def largest_difference(one: FloatArray, other: FloatArray) -> float:
    """The furthest that two answers to the same row lie apart; infinite where one is no number."""
    apart = np.abs(one - other)
    return float(np.where(np.isfinite(apart), apart, np.inf).max(initial=0.0))
