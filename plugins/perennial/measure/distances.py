"""How far apart are two distributions? Distances of values, and of counts in the same bins.

All are NaN, meaning unknown, where one side has nothing to compare: never 0, which would be "the
same". None of them says whether a distance is more than usual: see `quiet_history`.
"""

import numpy as np
import numpy.typing as npt

from perennial.measure.inputs import FloatArray


def ks_distance(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the largest difference of two cumulative shares, 0 (the same) to 1 (no overlap).

    Values (n,) and (m,), missing (NaN) removed, infinite ones kept at the ends. Exact also with
    ties. It does not change when both are transformed by the same increasing function. A constant
    against itself: 0; against another constant: 1. No value on a side: NaN. Of n and m rows of
    the same distribution it is about `0.87 * sqrt(1 / n + 1 / m)` rather than 0.

    `max over x of |F(x) - G(x)|`

    Smirnov (1948), doi:10.1214/aoms/1177730256.

    >>> ks_distance([1, 2, 3, 4], [3, 4, 5, 6])
    0.5
    """
    first, second = np.sort(_known(reference)), np.sort(_known(current))
    if not first.size or not second.size:
        return float("nan")
    below_first = np.searchsorted(first, (both := np.concatenate([first, second])), side="right")
    below_second = np.searchsorted(second, both, side="right")
    return float(np.abs(below_first / first.size - below_second / second.size).max())


def wasserstein_distance(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return how far values must be moved on average, in the reference's standard deviations.

    0 (the same) to infinity; a shift of the mean by one standard deviation is 1. Values (n,) and
    (m,), missing (NaN) removed. A constant reference: 0 when all current values equal it, else
    infinity. No value on a side: NaN. An infinite value on a side: infinity.

    `integral of |F(x) - G(x)| dx / std(reference)`

    Vallender (1974), doi:10.1137/1118101.

    >>> wasserstein_distance([0, 2], [1, 3])
    1.0
    """
    first, second = np.sort(_known(reference)), np.sort(_known(current))
    if not first.size or not second.size:
        return float("nan")
    if not (np.isfinite(first[[0, -1]]).all() and np.isfinite(second[[0, -1]]).all()):
        return float("inf")
    both = np.sort(np.concatenate([first, second]))
    left = both[:-1]
    apart = np.abs(
        np.searchsorted(first, left, side="right") / first.size
        - np.searchsorted(second, left, side="right") / second.size
    )
    moved = float(apart @ np.diff(both))
    if first[0] == first[-1]:
        return 0.0 if moved == 0 else float("inf")
    return moved / float(first.std())


def ks_distance_of_counts(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the KS distance of counts (b,) and (b,) in the same ordered bins, 0 to 1.

    Never more than that of the values, and equal to it where no two values share a bin. Either
    side all zero: NaN.

    >>> ks_distance_of_counts([1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1])
    0.5
    """
    first, second = _shares(reference, current)
    return float(np.abs(np.cumsum(first - second)).max())


def cramers_v(reference: npt.ArrayLike, current: npt.ArrayLike, *, corrected: bool = True) -> float:
    """Return Cramér's V of counts (b,) and (b,) by category, 0 (the same) to 1 (no overlap).

    Both sides weigh the same, whatever their sizes: in a table of 900 rows beside 54,000 a plain V
    is small for any change at all (its mean square is weighted by the product of both shares).
    Without the correction a V of n rows in b categories is about `sqrt((b - 1) / (4 * n))` when
    nothing has changed (0.12 for 900 rows in 50 categories), so what is expected is taken off, and
    what is negative then is 0. A category absent on both sides does not count; a single category:
    0. Either side all zero: NaN.

    `sqrt(sum (p - q)**2 / (2 * (p + q)) - (b - 1) / 4 * (1 / n + 1 / m))`; not corrected it is
    `sqrt(X**2 / (n + m))` for n = m

    Cramér (1946), doi:10.1515/9781400883868; the correction after Bergsma (2013),
    doi:10.1016/j.jkss.2012.10.002.

    >>> round(cramers_v([50, 50], [65, 35], corrected=False), 3)
    0.152
    >>> cramers_v([100, 0], [0, 100], corrected=False)
    1.0
    """
    first, second = _shares(reference, current)
    if np.isnan(first).any():
        return float("nan")
    pooled = first + second
    used = pooled > 0
    square = float(((first - second)[used] ** 2 / (2 * pooled[used])).sum())
    if corrected:
        sizes = 1 / np.sum(reference) + 1 / np.sum(current)
        square -= float((used.sum() - 1) / 4 * sizes)
    return float(np.sqrt(max(square, 0.0)))


def population_stability(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the population stability index of counts (b,) and (b,), 0 (the same) to infinity.

    Bins are those of the reference, some ten of them (see `coarse`): of n rows in b bins it is
    about `b / n` when nothing has changed. Half a row is added to every bin of both sides, so that
    an empty bin neither is infinite nor drops out. Either side all zero: NaN.

    `sum (p - q) * log(p / q)`

    Jeffreys (1946), doi:10.1098/rspa.1946.0056; Yurdakul and Naranjo (2020),
    doi:10.21314/JRMV.2020.227.

    >>> round(population_stability([5_000, 5_000], [7_500, 2_500]), 3)
    0.275
    """
    first, second = _pair(reference, current)
    if not first.any() or not second.any():
        return float("nan")
    p, q = _shares(first + 0.5, second + 0.5)
    return float(((p - q) * np.log(p / q)).sum())


def jensen_shannon_distance(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the Jensen-Shannon distance of counts (b,) and (b,), 0 (the same) to 1 (no overlap).

    To base 2, so that it ends at 1; a metric: it is symmetric and keeps the triangle inequality. An
    empty bin needs no treatment. Of n rows in b bins it is about `sqrt(b / (5.5 * n))` when nothing
    has changed, so use some ten bins (see `coarse`). Either side all zero: NaN.

    `sqrt(H((p + q) / 2) - (H(p) + H(q)) / 2)`, H being the entropy in bits

    Endres and Schindelin (2003), doi:10.1109/TIT.2003.813506.

    >>> jensen_shannon_distance([1, 0], [0, 1])
    1.0
    """
    p, q = _shares(reference, current)
    if np.isnan(p).any():
        return float("nan")
    square = _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2
    return float(np.sqrt(min(max(square, 0.0), 1.0)))


def coarse(
    reference: npt.ArrayLike, current: npt.ArrayLike, n_bins: int = 10
) -> tuple[FloatArray, FloatArray]:
    """Return counts (b,) and (b,) merged into at most n_bins ordered bins that the reference fixes.

    Neighbours are merged so that each bin holds about the same share of the reference; a bin that
    is larger than that stays alone.

    >>> coarse([1, 1, 1, 1], [0, 0, 0, 8], n_bins=2)
    (array([2., 2.]), array([0., 8.]))
    """
    first, second = _pair(reference, current)
    middle = (np.cumsum(first) - first / 2) / max(first.sum(), 1.0)
    into = np.minimum((middle * n_bins).astype(np.intp), n_bins - 1)
    into = np.unique(into, return_inverse=True)[1]
    merged = [np.bincount(into, weights=counts).astype(np.float64) for counts in (first, second)]
    return merged[0], merged[1]


def _known(values: npt.ArrayLike) -> FloatArray:
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1:
        raise ValueError(f"values must have the shape (n,), got {vector.shape}")
    return vector[~np.isnan(vector)]


def _pair(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = (np.asarray(counts, dtype=np.float64) for counts in (reference, current))
    if first.ndim != 1 or first.shape != second.shape or not first.size:
        raise ValueError(
            f"counts must be of the same bins, (b,) and (b,), got {first.shape} and {second.shape}"
        )
    for name, counts in (("reference", first), ("current", second)):
        if not (np.isfinite(counts).all() and (counts >= 0).all()):
            raise ValueError(f"{name} counts must be finite and not negative, got {counts.min()}")
    return first, second


def _shares(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = _pair(reference, current)
    if not first.any() or not second.any():
        return np.full(first.size, np.nan), np.full(second.size, np.nan)
    return first / first.sum(), second / second.sum()


def _entropy(shares: FloatArray) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log2(positive)).sum())
