"""How many independent normal nights is a history worth that is neither?"""

from dataclasses import dataclass

import numpy as np

from perennial.measure.inputs import FloatArray

MOST_UNSEEN = 0.5
"""The variance of a history's mean cannot be told when it is more than this of the nights' own."""


@dataclass(frozen=True)
class Memory:
    """What nights that resemble each other tell about their own spread."""

    n_independent: float
    """So many independent nights would tell the variance as well."""
    unseen: float
    """Variance of the history's mean, in variances of a night: what it cannot see of itself."""


def memory(vectors: FloatArray) -> Memory:
    """Return what autocorrelation costs, for one vector a night, (n, b) in order of time.

    Autocorrelations are those of whole vectors, up to the first that is not positive (Geyer's
    initial positive sequence), each corrected for being taken about the history's own mean, which
    moves with it: without that, 60 nights of AR(1) with 0.9 look like 0.8. Overlapping windows are
    nights that resemble each other, no more. All equal: n nights, nothing unseen.

    `n / (1 + 2 * sum r_k**2)` and `unseen = (1 + 2 * sum r_k) / n`, `r_k = (r_k + unseen) /
    (1 + unseen)` until it stands

    Bayley and Hammersley (1946), doi:10.2307/2983560; Geyer (1992), doi:10.1214/ss/1177011137.

    >>> alternating = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    >>> memory(alternating).n_independent
    4.0
    """
    n = vectors.shape[0]
    about_mean = vectors - vectors.mean(axis=0)
    products = about_mean @ about_mean.T
    variance = np.trace(products) / n
    if not variance > 0:
        return Memory(float(n), 0.0)
    lags = np.arange(1, max(n // 2, 2))
    seen = np.array([np.trace(products, lag) / (n - lag) for lag in lags]) / variance
    unseen = 1 / n
    for _ in range(20):
        positive = _first_positive((seen + unseen) / (1 + unseen))
        unseen = min((1 + 2 * float(positive.sum())) / n, MOST_UNSEEN)
    return Memory(n / (1 + 2 * float(np.square(positive).sum())), unseen)


def _first_positive(correlations: FloatArray) -> FloatArray:
    """Keep those before the first that is not positive."""
    ends = np.flatnonzero(correlations <= 0)
    kept = correlations[: ends[0]] if ends.size else correlations
    return np.minimum(kept, 1.0)


def degrees_of_tails(squares: FloatArray, normal_squares: FloatArray) -> float:
    """Return the degrees of freedom of a Student distribution with tails as heavy as the nights'.

    From the squared norms of the nights (n,) and of normal draws (k,) with the same covariance:
    the ratio of their kurtoses is `(v - 2) / (v - 4)`. Half its standard error is added, since a
    few dozen nights cannot show that tails are no heavier than normal; so the answer lies between
    4 and, for 60 nights, some 20. All zero: infinity.

    >>> random = np.random.default_rng(0)
    >>> normal = random.standard_normal(100_000) ** 2
    >>> heavy = random.standard_t(5, 60) ** 2
    >>> degrees_of_tails(heavy, normal) < degrees_of_tails(normal[:60], normal) < 25
    True
    """
    if not squares.any() or not normal_squares.any():
        return float("inf")
    unit = normal_squares / normal_squares.mean()
    normal_kurtosis = np.square(unit).mean()
    kurtosis = np.square(squares).mean() / np.square(squares.mean()) / normal_kurtosis
    error = np.std(np.square(unit) / normal_kurtosis - 2 * unit) / np.sqrt(squares.size)
    excess = max(float(kurtosis), 1.0) + float(error) / 2 - 1
    return 4 + 2 / excess
