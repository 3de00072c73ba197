"""Windows of a history's days, and references drawn in blocks from its other half."""

from functools import lru_cache

import numpy as np

from perennial.measure.inputs import FloatArray


@lru_cache(maxsize=8)
def block_draws(
    n_days: int, window_days: int, block_days: int, n_resamples: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Return how often each day is in each resample's reference and window, both (r, n_days).

    By turns one half of the days gives the reference, n_days days in moving blocks of block_days
    (of the half, where that is shorter), and the other half a window of contiguous days. The mean
    distance in time between the two is that between all days and the night after the last. The
    same arguments give the same draws, the same for all columns: treat them as read-only.

    Künsch (1989), doi:10.1214/aos/1176347265.

    >>> references, windows = block_draws(8, 2, 2, n_resamples=2, seed=0)
    >>> references.sum(axis=1).tolist(), windows.sum(axis=1).tolist()
    ([8.0, 8.0], [2.0, 2.0])
    >>> (references * windows).any()
    np.False_
    """
    random = np.random.default_rng(seed)
    middle = n_days // 2
    halves = ((0, middle), (middle, n_days))
    references, windows = np.zeros((2, n_resamples, n_days))
    for resample in range(n_resamples):
        (start, end), (other_start, other_end) = halves if resample % 2 else halves[::-1]
        length = min(block_days, end - start)
        starts = random.integers(start, end - length + 1, size=-(-n_days // length))
        days = (starts[:, np.newaxis] + np.arange(length)).ravel()[:n_days]
        references[resample] = np.bincount(days, minlength=n_days)
        first = random.integers(other_start, other_end - window_days + 1)
        windows[resample, first : first + window_days] = 1
    references.flags.writeable = windows.flags.writeable = False
    return references, windows


def thinned(windows: FloatArray, n_rows: int, seed: int) -> FloatArray:
    """Return counts (r, b) with n_rows rows drawn from each row of counts that has many more.

    Drawn without replacement. A window of up to a tenth more rows stays as it is.

    >>> thinned(np.array([[50.0, 50.0], [5.0, 5.0]]), 10, seed=0).sum(axis=1).tolist()
    [10.0, 10.0]
    """
    random = np.random.default_rng(seed)
    thin = windows.copy()
    for row in np.flatnonzero(windows.sum(axis=1) > 1.1 * n_rows):
        whole = windows[row].astype(np.int64)
        thin[row] = random.multivariate_hypergeometric(whole, n_rows, method="marginals")
    return thin
