"""Counts per day in bins that the reference fixes: any days against any others is then a sum."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perennial.measure.inputs import FloatArray, IntArray

N_CUTS = 256
"""At most so many shares of the reference: a KS distance is then known to 1/256 = 0.004."""


@dataclass(frozen=True)
class NumberBins:
    """Ordered bins `(-inf, cuts[0]], (cuts[0], cuts[1]], ..., (cuts[-1], inf)`."""

    cuts: FloatArray

    @property
    def n_bins(self) -> int:
        """How many bins there are."""
        return self.cuts.size + 1

    def codes(self, values: npt.ArrayLike) -> IntArray:
        """Return the bin of each value (n,); -1 where it is missing (NaN)."""
        numbers = np.asarray(values, dtype=np.float64)
        found = np.searchsorted(self.cuts, numbers, side="left")
        return np.where(np.isnan(numbers), -1, found)


@dataclass(frozen=True)
class CategoryBins:
    """One bin for each name of the vocabulary, one for all other names, one for missing."""

    names: tuple[str, ...]

    @property
    def n_bins(self) -> int:
        """How many bins there are, that of other names and that of missing among them."""
        return len(self.names) + 2

    @property
    def labels(self) -> tuple[str, ...]:
        """What each bin is called."""
        return (*self.names, "(other)", "(missing)")

    def codes(self, values: Iterable[object]) -> IntArray:
        """Return the bin of each value (n,); None and NaN are missing, never -1."""
        of_name = {name: code for code, name in enumerate(self.names)}
        other, missing = len(self.names), len(self.names) + 1
        rows = list(values)
        of_value = {
            value: missing if _is_missing(value) else of_name.get(str(value), other)
            for value in set(rows)
        }
        return np.fromiter(map(of_value.__getitem__, rows), dtype=np.intp, count=len(rows))


def number_bins(reference: npt.ArrayLike, n_cuts: int = N_CUTS) -> NumberBins:
    """Return bins of about equal shares of the reference (n,), missing (NaN) removed.

    With at most n_cuts different values each has its own bin, and KS distances of counts are
    exact. With more, the cuts are values of the reference at equal ranks; a value that holds more
    than a share of its own (a heap of zeros) has a bin to itself, so that values close below it
    are not taken for it. A constant: a bin below, at and above it. No value at all: one bin.

    >>> number_bins([3.0, 1.0, 3.0, 2.0]).cuts.tolist()[1:]
    [1.0, 2.0, 3.0]
    """
    values = np.asarray(reference, dtype=np.float64)
    values = np.sort(values[~np.isnan(values)])
    if not values.size:
        return NumberBins(np.empty(0))
    different, times = np.unique(values, return_counts=True)
    if different.size <= n_cuts:
        below = np.nextafter(different, -np.inf)
        return NumberBins(np.unique(np.concatenate([below[:1], different])))
    ranks = np.linspace(0, values.size - 1, n_cuts).astype(np.intp)
    cuts = np.unique(values[ranks])
    heaps = different[times > values.size / n_cuts]
    return NumberBins(np.unique(np.concatenate([cuts, heaps, np.nextafter(heaps, -np.inf)])))


def category_bins(
    reference: Iterable[object], *, max_names: int = 100, min_share: float = 0.001
) -> CategoryBins:
    """Return a bin for each common name of the reference, commonest first, ties by name.

    Rarer than min_share of the known values, or beyond max_names, they are "other" together: the
    chi-squared of a category that is expected less than once a night is noise. None and NaN are
    missing.

    >>> category_bins(["b", "a", "b", None]).labels
    ('b', 'a', '(other)', '(missing)')
    """
    times: Counter[str] = Counter()
    for value, n_rows in Counter(reference).items():
        if not _is_missing(value):
            times[str(value)] += n_rows
    least = min_share * times.total()
    ordered = sorted(times.items(), key=lambda counted: (-counted[1], counted[0]))
    return CategoryBins(tuple(name for name, n_rows in ordered[:max_names] if n_rows >= least))


def daily_counts(
    codes: npt.ArrayLike, days: npt.ArrayLike, n_days: int, n_bins: int
) -> npt.NDArray[np.int64]:
    """Return how many rows of each day fell into each bin, (n_days, n_bins).

    Codes (n,) are bins, -1 for a row that is not counted; days (n,) are 0 to n_days - 1 in the
    order of the calendar, a day without rows included: the days' order is what tells
    autocorrelation.

    >>> daily_counts([0, 1, 1, -1], [0, 0, 2, 2], n_days=3, n_bins=2).tolist()
    [[1, 1], [0, 0], [0, 1]]
    """
    bins, of_day = np.asarray(codes, dtype=np.intp), np.asarray(days, dtype=np.intp)
    if bins.ndim != 1 or bins.shape != of_day.shape:
        raise ValueError(f"codes and days must be (n,), got {bins.shape} and {of_day.shape}")
    _refuse_outside(bins, "codes", -1, n_bins)
    _refuse_outside(of_day, "days", 0, n_days)
    counted = bins >= 0
    cells = of_day[counted] * n_bins + bins[counted]
    return np.bincount(cells, minlength=n_days * n_bins).astype(np.int64).reshape(n_days, n_bins)


def _is_missing(value: object) -> bool:
    return value is None or value != value


def _refuse_outside(codes: IntArray, name: str, low: int, end: int) -> None:
    if codes.size and (codes.min() < low or codes.max() >= end):
        raise ValueError(f"{name} must be {low} to {end - 1}, got {codes.min()} to {codes.max()}")
