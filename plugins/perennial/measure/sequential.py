"""Bounds that may be looked at after every observation, and acted on at once.

An interval of a fixed sample holds at one look; who looks a hundred times and stops at the first
alarm is wrong far more often. These bounds hold at all looks together: with probability
`confidence` the truth lies within every one of them, from the first to the last.

Such confidence sequences and the always-valid p-values of a mixture likelihood ratio test (mSPRT)
are two views of one thing: Johari, Koomen, Pekelis, Walsh (2022), doi:10.1287/opre.2021.2135.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Mixed = tuple[tuple[float, float], ...]

MIXED: Mixed = ((0.5, 20.0), (0.5, 0.5))
"""The beta weights of `share_bounds`, half and half: sharp where hits are rare, fair elsewhere."""

EVEN: Mixed = ((0.5, 0.5), (50.0, 50.0))
"""The same for shares that are near a half where nothing is better: either side alike."""

MIN_EACH = 20
"""Below so many values a normal approximation is not trusted, and nothing is claimed."""


@dataclass(frozen=True)
class Bounds:
    """An estimate and the range that holds the truth at every look; infinite without evidence."""

    estimate: float
    low: float
    high: float


UNKNOWN = Bounds(math.nan, -math.inf, math.inf)
"""Nothing was seen: nothing is claimed."""


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations of values seen so far: all that is kept of them."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> Moments:
        """These and one more; ValueError for what is not finite (a NaN would hide all others).

        Welford (1962), doi:10.1080/00401706.1962.10490022.

        >>> Moments().add(1.0).add(3.0)
        Moments(n=2, mean=2.0, squares=2.0)
        """
        if not math.isfinite(value):
            raise ValueError(f"values must be finite, got {value}")
        n = self.n + 1
        step = value - self.mean
        mean = self.mean + step / n
        return Moments(n, mean, self.squares + step * (value - mean))

    @property
    def deviation(self) -> float:
        """The standard deviation; 0 for one value, NaN for none."""
        return math.sqrt(self.squares / self.n) if self.n else math.nan


def share_bounds(n_hits: float, n: int, confidence: float = 0.95, mixed: Mixed = MIXED) -> Bounds:
    """Bounds of a share, from 0 to 1, that n_hits of n independent trials show.

    All p whose likelihood ratio against a beta mixture stays below `1 / (1 - confidence)`: exact
    at any n and number of looks (Ville's inequality). A trial may be a hit in part, from 0 to 1:
    the ratio is convex in it, so its expectation is no more than that of whole hits, and the
    bounds hold for the mean of any values from 0 to 1. n = 0: from 0 to 1, the estimate NaN.
    With no hits the upper bound at 0.95 is 0.044 after 100 trials and 0.010 after 500. Any `mixed`
    betas (a, b) are exact, and must be chosen before the trials: where they weigh the bounds are
    sharp.

    Robbins (1970), doi:10.1214/aoms/1177696786; for bounded values Howard, Ramdas, McAuliffe,
    Sekhon (2021), doi:10.1214/20-AOS1991, and Waudby-Smith, Ramdas (2024),
    doi:10.1093/jrsssb/qkad009.

    >>> round(share_bounds(0, 100).high, 3), round(share_bounds(5, 5).low, 3)
    (0.044, 0.361)
    """
    _must_be_share_of(n_hits, n, confidence)
    if n == 0:
        return Bounds(math.nan, 0.0, 1.0)
    limit = _log_mixture(n_hits, n, mixed) + math.log(1 - confidence)

    def is_possible(share: float) -> bool:
        return _log_likelihood(n_hits, n, share) >= limit

    estimate = n_hits / n
    return Bounds(
        estimate,
        _edge(is_possible, estimate, 0.0),
        _edge(is_possible, estimate, 1.0),
    )


def is_share(
    n_hits: float, n: int, share: float, confidence: float = 0.95, mixed: Mixed = MIXED
) -> bool:
    """Whether `share_bounds` of the same hold this share; True for n = 0.

    >>> is_share(0, 100, 0.04), is_share(0, 100, 0.05)
    (True, False)
    """
    _must_be_share_of(n_hits, n, confidence)
    limit = _log_mixture(n_hits, n, mixed) + math.log(1 - confidence)
    return _log_likelihood(n_hits, n, share) >= limit


def share_difference(
    first: tuple[float, int], second: tuple[float, int], confidence: float = 0.95
) -> Bounds:
    """Bounds of the second share minus the first, each (n_hits, n); from -1 to 1.

    Each share's own bounds at half the error are taken together (union bound), so this is exact,
    and wider than need be where both have few trials. Either n = 0: from -1 to 1 at most.

    >>> found = share_difference((0, 2000), (40, 100))
    >>> round(found.estimate, 2), found.low > 0.2, found.high < 0.6
    (0.4, True, True)
    """
    each = (1 + confidence) / 2
    one, other = share_bounds(*first, each), share_bounds(*second, each)
    return Bounds(other.estimate - one.estimate, other.low - one.high, other.high - one.low)


def mean_bounds(
    values: Moments, confidence: float = 0.95, planned: int = 200, span: float = 1.0
) -> Bounds:
    """Bounds of the mean of independent values, in their unit.

    An asymptotic confidence sequence, sharpest when `planned` values were seen. `span` is about
    how far values may differ: twice its square is added to the squared deviations, so that few
    values that happen to agree claim little. Fewer than 20 values: no bounds. Looked at 92 times
    from 20 to 4,000 values, at 0.95, it misses the truth in at most 5 of 100 repetitions, also
    for values that are 0 but for 1, 3 or 10 in 100 (25 without what is added).

    `se * sqrt(2 (x + 1) / x * log(sqrt(x + 1) / (1 - confidence)))`, x growing as n / planned

    Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2024), doi:10.1214/24-AOS2408.

    >>> seen = Moments(n=400, mean=0.5, squares=16.0)
    >>> found = mean_bounds(seen)
    >>> round(found.low, 3), round(found.high, 3)
    (0.467, 0.533)
    """
    if values.n < MIN_EACH:
        return Bounds(values.mean if values.n else math.nan, -math.inf, math.inf)
    error = math.sqrt(_variance(values, span) / values.n)
    return _around(values.mean, error, values.n / planned, confidence)


def mean_difference(
    first: Moments,
    second: Moments,
    confidence: float = 0.95,
    planned: int = 200,
    span: float = 1.0,
) -> Bounds:
    """Bounds of the second mean minus the first, of two groups split by chance.

    As `mean_bounds`, with the standard error of the difference (the asymptotic confidence sequence
    of a treatment effect, same source); `planned` counts the second group. Fewer than 20 values in
    either: no bounds.

    >>> old, new = Moments(2000, 0.3, 80.0), Moments(200, 0.4, 8.0)
    >>> found = mean_difference(old, new)
    >>> round(found.estimate, 2), round(found.low, 3), round(found.high, 3)
    (0.1, 0.05, 0.15)
    """
    if min(first.n, second.n) < MIN_EACH:
        known = first.n and second.n
        return Bounds(second.mean - first.mean if known else math.nan, -math.inf, math.inf)
    variance = _variance(first, span) / first.n + _variance(second, span) / second.n
    return _around(second.mean - first.mean, math.sqrt(variance), second.n / planned, confidence)


def correlation_bounds(
    correlation: float, n: int, confidence: float = 0.95, planned: int = 200
) -> Bounds:
    """Bounds of a rank correlation of n pairs, from -1 to 1.

    As `mean_bounds`, on Fisher's scale, with the standard error that fits Spearman's coefficient.
    Fewer than 20 pairs: from -1 to 1. A correlation that is not defined (NaN, all equal) is
    refused.

    Bonett and Wright (2000), doi:10.1007/BF02294183.

    >>> found = correlation_bounds(0.9, 200)
    >>> round(found.low, 2), round(found.high, 2)
    (0.84, 0.94)
    """
    if not -1 <= correlation <= 1:
        raise ValueError(f"a correlation must be from -1 to 1, got {correlation}")
    if n < MIN_EACH:
        return Bounds(correlation, -1.0, 1.0)
    within = max(-1 + 1 / n, min(1 - 1 / n, correlation))
    error = math.sqrt((1 + within**2 / 2) / (n - 3))
    found = _around(math.atanh(within), error, n / planned, confidence)
    return Bounds(
        correlation, min(correlation, math.tanh(found.low)), max(correlation, math.tanh(found.high))
    )


def _around(estimate: float, error: float, progress: float, confidence: float) -> Bounds:
    _must_be_confidence(confidence)
    alpha = 1 - confidence
    spent = -2 * math.log(alpha)
    x = progress * (spent + math.log(spent) + 1)  # sharpest where progress is 1
    radius = error * math.sqrt(2 * (x + 1) / x * math.log(math.sqrt(x + 1) / alpha))
    return Bounds(estimate, estimate - radius, estimate + radius)


def _variance(values: Moments, span: float) -> float:
    return (values.squares + 2 * span**2) / values.n


def _edge(is_possible: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where what is possible ends between `inside`, which is, and `outside`; rounded outwards."""
    if is_possible(outside):
        return outside
    for _ in range(50):
        middle = (inside + outside) / 2
        if is_possible(middle):
            inside = middle
        else:
            outside = middle
    return outside


def _log_likelihood(n_hits: float, n: int, share: float) -> float:
    n_misses = n - n_hits
    if (share <= 0 and n_hits) or (share >= 1 and n_misses):
        return -math.inf
    hits = n_hits * math.log(share) if n_hits else 0.0
    return hits + (n_misses * math.log1p(-share) if n_misses else 0.0)


def _log_mixture(n_hits: float, n: int, mixed: Mixed) -> float:
    """The log-likelihood, averaged over the shares that the mixed betas weigh."""
    logs = [_log_beta(n_hits + a, n - n_hits + b) - _log_beta(a, b) for a, b in mixed]
    most = max(logs)
    return most + math.log(sum(math.exp(each - most) for each in logs) / len(logs))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _must_be_share_of(n_hits: float, n: int, confidence: float) -> None:
    _must_be_confidence(confidence)
    if not 0 <= n_hits <= n:
        raise ValueError(f"n_hits must be from 0 to n, got {n_hits} of {n}")


def _must_be_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
