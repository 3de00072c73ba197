"""One column of two periods, counted day by day in bins that the reference fixes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial.learn.contract import DayArray, FloatArray
from perennial.measure.daily_counts import (
    CategoryBins,
    NumberBins,
    category_bins,
    daily_counts,
    number_bins,
)
from perennial.measure.inputs import IntArray
from perennial.watch.rows import Rows
from perennial.watch.watched import Role

Counts = npt.NDArray[np.int64]
NO_VALUES: FloatArray = np.empty(0)


@dataclass(frozen=True)
class Column:
    """What the champion learned from beside what came."""

    name: str
    role: Role
    weight: float
    bins: NumberBins | CategoryBins
    daily: Counts
    """The reference's counts (n_days, n_bins), every calendar day of its period."""
    counts: Counts
    """The watched days' counts (n_bins,)."""
    reference: FloatArray
    """Numbers: the values themselves, missing ones left out; none for categories."""
    current: FloatArray
    daily_missing: FloatArray
    """Share of missing values on each day of the reference; NaN on one without rows."""
    missing_reference: float
    missing_current: float
    n_reference: int
    """Values that are not missing."""
    n_current: int

    @property
    def is_number(self) -> bool:
        """Whether its values have an order."""
        return isinstance(self.bins, NumberBins)

    @property
    def is_constant(self) -> bool:
        """Whether both periods have one and the same value, and no other."""
        if self.is_number:
            return np.unique(np.append(self.reference, self.current)).size == 1
        return int((self.daily.sum(axis=0) + self.counts)[:-1].astype(bool).sum()) == 1


def feature(name: str, reference: Rows, current: Rows, weight: float) -> Column:
    """A feature column: numbers and booleans, or texts as categories."""
    from perennial.learn.arrow_columns import is_text, numbers

    old = reference.features[name]
    # A column that was not delivered at all is one in which everything is missing.
    new = current.features[name] if name in current.features.column_names else None
    if is_text(old.type):
        return categories(name, "feature", _texts(old), reference, _texts(new), current, weight)
    given = np.full(current.n_rows, np.nan) if new is None else _as_numbers(name, new)
    return of_numbers(name, "feature", numbers(name, old), reference, given, current, weight)


def of_numbers(
    name: str, role: Role, old: FloatArray, reference: Rows, new: FloatArray, current: Rows,
    weight: float,
) -> Column:  # fmt: skip
    """A column of numbers; NaN is missing."""
    bins = number_bins(old)
    gone, now_gone = np.isnan(old), np.isnan(new)
    return _column(
        name, role, weight, bins, (bins.codes(old), gone, reference),
        (bins.codes(new), now_gone), (old[~gone], new[~now_gone]),
    )  # fmt: skip


def categories(
    name: str, role: Role, old: Sequence[Any], reference: Rows, new: Sequence[Any], current: Rows,
    weight: float,
) -> Column:  # fmt: skip
    """A column of names; None is missing."""
    bins = category_bins(old)
    new = new or [None] * current.n_rows
    codes, new_codes = _codes(bins, old), _codes(bins, new)
    gone, now_gone = codes == bins.n_bins - 1, new_codes == bins.n_bins - 1
    return _column(
        name, role, weight, bins, (codes, gone, reference), (new_codes, now_gone),
        (NO_VALUES, NO_VALUES),
    )  # fmt: skip


def _codes(bins: CategoryBins, values: Sequence[Any]) -> IntArray:
    """The bin of each value; every different one is looked up once."""
    places: dict[Any, int] = {}
    different = [places.setdefault(value, len(places)) for value in values]
    return bins.codes(places)[np.array(different, dtype=np.intp)]


def _column(
    name: str,
    role: Role,
    weight: float,
    bins: NumberBins | CategoryBins,
    old: tuple[Any, Any, Rows],
    new: tuple[Any, Any],
    values: tuple[FloatArray, FloatArray],
) -> Column:
    codes, gone, reference = old
    new_codes, now_gone = new
    n_days = (reference.end - reference.start).days
    of_day = _places(reference.days, reference)
    once = np.zeros(new_codes.size, dtype=np.intp)
    known = np.bincount(of_day, weights=~gone, minlength=n_days)
    rows = np.bincount(of_day, minlength=n_days).astype(float)
    rows[rows == 0] = np.nan
    return Column(
        name=name,
        role=role,
        weight=weight,
        bins=bins,
        daily=daily_counts(codes, of_day, n_days, bins.n_bins),
        counts=daily_counts(new_codes, once, 1, bins.n_bins)[0],
        reference=values[0],
        current=values[1],
        daily_missing=1 - known / rows,
        missing_reference=_share(gone),
        missing_current=_share(now_gone),
        n_reference=int((~gone).sum()),
        n_current=int((~now_gone).sum()),
    )


def _places(days: DayArray, rows: Rows) -> npt.NDArray[np.intp]:
    return (days - np.datetime64(rows.start, "D")).astype(np.intp)


def _share(mask: Any) -> float:
    return float(mask.mean()) if mask.size else 0.0


def _texts(column: Any) -> list[Any]:
    from perennial.learn.arrow_columns import is_text

    if column is None or not is_text(column.type):
        return []
    texts: list[Any] = column.to_pylist()
    return texts


def _as_numbers(name: str, column: Any) -> FloatArray:
    """Numbers of the watched days; texts where the champion learned numbers are missing to it."""
    from perennial.learn.arrow_columns import is_text, numbers

    return np.full(len(column), np.nan) if is_text(column.type) else numbers(name, column)
