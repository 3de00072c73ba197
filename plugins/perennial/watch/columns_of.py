"""All columns that are compared: features, the champion's answers, labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perennial.declare.model import Model
from perennial.learn.contract import FloatArray, Learner
from perennial.watch.champion import Champion
from perennial.watch.columns import Column, categories, feature, of_numbers
from perennial.watch.rows import Rows, thinned

ROWS_A_DAY = 500


def features(model: Model, champion: Champion, reference: Rows, current: Rows) -> list[Column]:
    """The features that the champion uses, but for those of `watch.ignore`."""
    return [
        feature(name, reference, current, champion.importance.get(name, 0.0))
        for name in champion.learner.features
        if name not in model.watch.ignore and name in reference.features.column_names
    ]


def predictions(reference: Rows, current: Rows, old: FloatArray, new: FloatArray) -> Column:
    """The champion's answers for the same rows."""
    return of_numbers("score", "prediction", old, reference, new, current, 1.0)


def labels(model: Model, reference: Rows, current: Rows) -> Column:
    """The labels that were known."""
    if model.task == "binary":
        words = {0.0: model.label.negative, 1.0: model.label.positive}
        return categories(
            "label", "label", _words(reference.labels, words), reference,
            _words(current.labels, words), current, 1.0,
        )  # fmt: skip
    return of_numbers("label", "label", reference.labels, reference, current.labels, current, 1.0)


def reference_scores(learner: Learner, reference: Rows) -> tuple[Rows, FloatArray]:
    """The answers for enough of the reference's rows, and those rows.

    A share known to 0.002 is plenty to compare with one day; all rows would take seconds.
    """
    some = reference.take(thinned(reference, ROWS_A_DAY))
    return some, scores_of(learner, some)


def scores_of(learner: Learner, rows: Rows) -> FloatArray:
    """The answers for rows (n,), NaN where there is none. What did not come is missing."""
    import pyarrow as pa

    if not rows.n_rows:
        return np.empty(0)
    table = rows.features
    for name in learner.features:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(rows.n_rows))
    scores = learner.predict(table)
    return np.where(np.isfinite(scores), scores, np.nan)


def _words(labels: FloatArray, words: dict[float, str]) -> Sequence[str | None]:
    return [words.get(each) for each in labels.tolist()]
