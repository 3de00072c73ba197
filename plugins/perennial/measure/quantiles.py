"""Quantiles of positive values in fixed memory, with bounds that hold at every look."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import accumulate

from perennial.measure.sequential import UNKNOWN, Bounds, is_share

GROWTH = 1.02
"""Each bin ends 2 % above its beginning: what a quantile is known to."""

LEAST = 1e-3
"""What is smaller counts as this much: a microsecond, for milliseconds."""


@dataclass
class LogCounts:
    """Positive values, counted in bins that grow by 2 %: a thousand for a microsecond to an hour.

    The same values in any order give the same counts, and sums of counts are counts.

    Masson, Rim, Lee (2019), doi:10.14778/3352063.3352135.
    """

    n: int = 0
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, value: float) -> None:
        """Count one more; ValueError for what is not finite.

        >>> seen = LogCounts()
        >>> seen.add(5.0)
        >>> seen.n, edge(next(iter(seen.counts))) >= 5.0
        (1, True)
        """
        if not math.isfinite(value):
            raise ValueError(f"values must be finite, got {value}")
        place = math.ceil(math.log(max(value, LEAST)) / math.log(GROWTH) - 1e-9)
        self.counts[place] = self.counts.get(place, 0) + 1
        self.n += 1


def edge(place: int) -> float:
    """Where a bin ends; it begins after the end of the one before."""
    return float(GROWTH**place)


def quantile_bounds(seen: LogCounts, quantile: float, confidence: float = 0.95) -> Bounds:
    """Bounds of a quantile of independent values, in their unit, from 0 to infinity.

    The values above a quantile are hits of a known share, so a value is no quantile when the share
    of what lies above it is surely another (`share_bounds`, both ends at half the error): exact for
    any distribution, with ties too, at any number of looks; rounded outwards to bins of 2 %.
    High quantiles need values: no upper bound at 0.95 below some 46 for 0.9, 600 for 0.99.
    n = 0: nothing is claimed.

    Howard, Ramdas (2022), doi:10.3150/21-BEJ1388, section 3.

    >>> seen = LogCounts()
    >>> for value in range(1, 1001):
    ...     seen.add(value)
    >>> found = quantile_bounds(seen, 0.9)
    >>> 850 < found.low < 890 < found.estimate < 910 < 920 < found.high < 950
    True
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile must be in (0, 1), got {quantile}")
    if not seen.n:
        return UNKNOWN
    places = sorted(seen.counts)
    above = [seen.n - each for each in accumulate(seen.counts[place] for place in places)]
    each, share = (1 + confidence) / 2, 1 - quantile

    def surely(n_above: int, is_more: bool) -> bool:
        """Whether what lies above is surely more (or less) than a quantile leaves above it."""
        is_so = n_above > seen.n * share if is_more else n_above < seen.n * share
        return is_so and not is_share(n_above, seen.n, share, each)

    low = sum(surely(n_above, True) for n_above in above)
    high = sum(not surely(n_above, False) for n_above in above)
    middle = sum(n_above > seen.n * share for n_above in above)
    return Bounds(
        edge(places[middle]),
        edge(places[low] - 1) if surely(seen.n, True) else 0.0,
        edge(places[high]) if high < len(places) else math.inf,
    )


def quantile_difference(
    first: LogCounts, second: LogCounts, quantile: float, confidence: float = 0.95
) -> Bounds:
    """Bounds of the second's quantile minus the first's, each at half the error (union bound)."""
    if not (first.n and second.n):
        return UNKNOWN
    one, other = _each(first, second, quantile, confidence)
    return Bounds(other.estimate - one.estimate, other.low - one.high, other.high - one.low)


def quantile_ratio(
    first: LogCounts, second: LogCounts, quantile: float, confidence: float = 0.95
) -> Bounds:
    """Bounds of the second's quantile over the first's, each at half the error (union bound)."""
    if not (first.n and second.n):
        return UNKNOWN
    one, other = _each(first, second, quantile, confidence)
    high = other.high / one.low if one.low > 0 else math.inf
    return Bounds(other.estimate / one.estimate, other.low / one.high, high)


def _each(
    first: LogCounts, second: LogCounts, quantile: float, confidence: float
) -> tuple[Bounds, Bounds]:
    half = (1 + confidence) / 2
    return quantile_bounds(first, quantile, half), quantile_bounds(second, quantile, half)
