"""The candidate on parts of the rows: where it is better or worse."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perennial.declare.model import Model
from perennial.judge.judged import Slice, Value, finite
from perennial.learn.contract import FloatArray
from perennial.measure.intervals import metric_intervals
from perennial.measure.metrics import METRICS
from perennial.measure.parts import parts
from perennial.train.labelled_rows import LabelledRows


def slices_of(model: Model, judged: LabelledRows, scores: FloatArray) -> list[Slice]:
    """The candidate by the values of each declared column, the most frequent first.

    A column with more than 50 values has the rest of its rows together in one slice.
    """
    return [
        _slice(model, judged, scores, column, value, is_in)
        for column in model.judge.slices
        for value, is_in in parts(judged.features[column].to_pylist())
    ]


def _slice(
    model: Model,
    judged: LabelledRows,
    scores: FloatArray,
    column: str,
    value: str | None,
    is_in: npt.NDArray[np.bool_],
) -> Slice:
    declared, primary = model.judge, model.judge.primary
    labels, answers = judged.labels[is_in], scores[is_in]
    intervals = metric_intervals(
        {primary: METRICS[primary].prepare},
        labels,
        answers,
        seed=model.train.seed,
        groups=judged.days[is_in],
        n_resamples=declared.resamples,
        confidence=declared.confidence,
    )
    return Slice(
        column=column,
        value=value,
        n_rows=int(labels.size),
        mean_label=float(labels.mean()),
        metrics={
            name: finite(METRICS[name].function(labels, answers)) for name in declared.metrics
        },
        primary=Value.of(intervals[primary]),
    )
