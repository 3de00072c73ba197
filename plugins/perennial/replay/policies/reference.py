"""What a champion learned from, binned and counted by day once, beside as many nights as come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.declare.model import Model
from perennial.learn.arrow_columns import is_text, numbers
from perennial.learn.contract import FloatArray
from perennial.measure.daily_counts import (
    CategoryBins,
    NumberBins,
    category_bins,
    daily_counts,
    number_bins,
)
from perennial.watch.champion import Champion
from perennial.watch.columns import NO_VALUES, Column
from perennial.watch.columns_of import ROWS_A_DAY, scores_of
from perennial.watch.rows import Rows, thinned
from perennial.watch.watched import Role

N_VALUES = 2_000
"""Order statistics that stand for a column's values where a report draws or describes them. What
is decided by – counts, effects, thresholds – is of all values."""


@dataclass(frozen=True)
class Known:
    """One column of what was learned from."""

    name: str
    role: Role
    weight: float
    bins: NumberBins | CategoryBins
    daily: npt.NDArray[np.int64]
    values: FloatArray
    daily_missing: FloatArray
    missing: float
    n_values: int

    def beside(self, given: Any) -> Column:
        """The column with what came: numbers (n,) with NaN, or names with None."""
        codes = self.bins.codes(given)
        gone = _missing(self.bins, codes)
        counts = daily_counts(codes, np.zeros(codes.size, np.intp), 1, self.bins.n_bins)[0]
        is_number = isinstance(self.bins, NumberBins)
        return Column(
            name=self.name, role=self.role, weight=self.weight, bins=self.bins, daily=self.daily,
            counts=counts, reference=self.values,
            current=np.asarray(given)[~gone] if is_number else NO_VALUES,
            daily_missing=self.daily_missing, missing_reference=self.missing,
            missing_current=_share(gone), n_reference=self.n_values, n_current=int((~gone).sum()),
        )  # fmt: skip


class Reference:
    """All columns of one champion's reference, and its rows without their features."""

    def __init__(self, model: Model, champion: Champion, rows: Rows) -> None:
        self.model, self.champion = model, champion
        self.rows = _bare(rows, np.ones(rows.n_rows, bool))
        self.usual = float(rows.is_settled.mean()) if rows.n_rows else 0.0
        self.spread = float(rows.labels[rows.has_label].std()) if rows.has_label.any() else 0.0
        self.features = [
            self._feature(name, rows) for name in champion.learner.features
            if name not in model.watch.ignore and name in rows.features.column_names
        ] if rows.n_rows else []  # fmt: skip
        self.scores = self._answers(rows) if rows.n_rows else None
        self.labels = self._labels(rows) if rows.has_label.any() else None

    def columns(self, current: Rows, scores: FloatArray) -> list[list[Column]]:
        """Features and answers beside those of the watched days."""
        features = [each.beside(_given(each, current)) for each in self.features]
        return [features, [self.scores.beside(scores)] if self.scores else []]

    def label_column(self, labels: FloatArray) -> list[Column]:
        """The labels beside those of the last days whose labels are known."""
        return [self.labels.beside(self._words(labels))] if self.labels else []

    def _feature(self, name: str, rows: Rows) -> Known:
        column = rows.features[name]
        values = column.to_pylist() if is_text(column.type) else numbers(name, column)
        return known(name, "feature", self.champion.importance.get(name, 0.0), values, _bare(rows))

    def _answers(self, rows: Rows) -> Known:
        some = rows.take(thinned(rows, ROWS_A_DAY))
        return known(
            "score", "prediction", 1.0, scores_of(self.champion.learner, some), _bare(some)
        )

    def _labels(self, rows: Rows) -> Known:
        kept = _bare(rows, rows.has_label)
        return known("label", "label", 1.0, self._words(kept.labels), kept)

    def _words(self, labels: FloatArray) -> Any:
        if self.model.task != "binary":
            return labels
        words = {0.0: self.model.label.negative, 1.0: self.model.label.positive}
        return [words.get(each) for each in labels.tolist()]


def known(name: str, role: Role, weight: float, values: Any, rows: Rows) -> Known:
    """A column of the reference: numbers (n,) with NaN, or names with None."""
    is_number = isinstance(values, np.ndarray)
    bins = number_bins(values) if is_number else category_bins(values)
    codes = bins.codes(values)
    gone = _missing(bins, codes)
    n_days = (rows.end - rows.start).days
    of_day = (rows.days - np.datetime64(rows.start, "D")).astype(np.intp)
    n_rows = np.bincount(of_day, minlength=n_days).astype(float)
    n_rows[n_rows == 0] = np.nan
    return Known(
        name=name, role=role, weight=weight, bins=bins,
        daily=daily_counts(codes, of_day, n_days, bins.n_bins),
        values=_thin(np.sort(values[~gone])) if is_number else NO_VALUES,
        daily_missing=1 - np.bincount(of_day, weights=~gone, minlength=n_days) / n_rows,
        missing=_share(gone), n_values=int((~gone).sum()),
    )  # fmt: skip


def _given(column: Known, current: Rows) -> Any:
    """What came of a column; all missing where it did not come, or came as another kind."""
    there = column.name in current.features.column_names
    came = current.features[column.name] if there else None
    if isinstance(column.bins, CategoryBins):
        if came is None or not is_text(came.type):
            return [None] * current.n_rows
        return came.to_pylist()
    if came is None or is_text(came.type):
        return np.full(current.n_rows, np.nan)
    return numbers(column.name, came)


def _missing(bins: NumberBins | CategoryBins, codes: Any) -> Any:
    return codes == (-1 if isinstance(bins, NumberBins) else bins.n_bins - 1)


def _thin(ordered: FloatArray) -> FloatArray:
    if ordered.size <= N_VALUES:
        return ordered
    return ordered[np.linspace(0, ordered.size - 1, N_VALUES).astype(np.intp)]


def _bare(rows: Rows, mask: Any = None) -> Rows:
    """The rows without their features, all or those of a mask (n,)."""
    import pyarrow as pa

    kept = np.ones(rows.n_rows, bool) if mask is None else mask
    return Rows(rows.start, rows.end, pa.table({}), rows.labels[kept], rows.is_settled[kept],
                rows.days[kept])  # fmt: skip


def _share(mask: Any) -> float:
    return float(mask.mean()) if mask.size else 0.0
