"""Bootstrap resamples of rows, or of whole groups of rows, as weights."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from perennial.measure.inputs import FloatArray, IntArray

CHUNK_CELLS = 2_000_000
"""Weights held at once (16 MB): enough to work in bulk, few enough for any n."""


def group_codes(groups: npt.ArrayLike | None, n_rows: int) -> IntArray | None:
    """Number the groups 0, 1, ... in sorted order; None stays None, every row for itself.

    Groups have the shape (n,) and any type that sorts: days, names, numbers. A missing value has
    no group, so it raises ValueError.

    >>> group_codes(["tue", "mon", "tue"], 3).tolist()
    [1, 0, 1]
    """
    if groups is None:
        return None
    names = np.asarray(groups)
    if names.shape != (n_rows,):
        raise ValueError(f"groups must have the shape ({n_rows},), got {names.shape}")
    if any(name is None or name != name for name in names.tolist()):
        raise ValueError("groups must not be missing, got None, NaN or NaT")
    return np.unique(names, return_inverse=True)[1]


def resample_counts(
    n_units: int, n_resamples: int, seed: int, n_rows: int | None = None
) -> Iterator[FloatArray]:
    """Yield how often each of the units is drawn, in chunks (b, n_units) of whole resamples.

    Every resample draws `n_units` times with replacement. The same arguments give the same
    counts. `n_rows` sizes the chunks by the rows that the counts will be spread over.

    >>> [chunk.sum() for chunk in resample_counts(n_units=3, n_resamples=4, seed=0)]
    [np.float64(12.0)]
    """
    random = np.random.default_rng(seed)
    chunk = max(1, CHUNK_CELLS // max(n_units, n_rows or 0))
    for start in range(0, n_resamples, chunk):
        n = min(chunk, n_resamples - start)
        drawn = random.integers(n_units, size=(n, n_units))
        drawn += np.arange(n)[:, np.newaxis] * n_units
        counts = np.bincount(drawn.ravel(), minlength=n * n_units)
        yield counts.reshape(n, n_units).astype(np.float64)


def resample_weights(
    n_rows: int, *, n_resamples: int, seed: int, groups: npt.ArrayLike | None = None
) -> Iterator[FloatArray]:
    """Yield weights in chunks (b, n_rows): how often each row counts in each resample.

    With groups, whole groups are drawn and all rows of one count alike. Rows of one day share
    its luck and its faults; drawing them one by one would pretend that a day of
    1,000 rows tells 1,000 independent things, and the interval would be far too narrow.

    Davison and Hinkley (1997), section 3.8, doi:10.1017/CBO9780511802843.

    >>> chunk = next(resample_weights(3, n_resamples=2, seed=0, groups=["a", "b", "b"]))
    >>> chunk.shape, bool((chunk[:, 1] == chunk[:, 2]).all())
    ((2, 3), True)
    """
    codes = group_codes(groups, n_rows)
    if codes is None:
        yield from resample_counts(n_rows, n_resamples, seed)
        return
    for counts in resample_counts(int(codes.max()) + 1, n_resamples, seed, n_rows):
        yield np.take(counts, codes, axis=1)
