"""How far two distributions of scores are apart at fixed cuts, with bounds at every look."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from perennial.measure.sequential import (
    UNKNOWN,
    Bounds,
    Moments,
    mean_bounds,
    mean_difference,
)

N_CUTS = 9


def deciles(values: Sequence[float]) -> tuple[float, ...]:
    """Up to nine cuts that divide values into ten parts; those that fall together are one.

    >>> deciles([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    """
    ranked = sorted(values)
    return tuple(sorted({ranked[len(ranked) * part // 10 - 1] for part in range(1, N_CUTS + 1)}))


@dataclass
class Shape:
    """Scores of one group, counted between the cuts; a request's scores weigh one together."""

    weights: list[float] = field(default_factory=lambda: [0.0] * (N_CUTS + 1))

    def add(self, score: float, cuts: Sequence[float], weight: float = 1.0) -> None:
        """Count one more."""
        self.weights[bisect_left(cuts, score)] += weight

    def below(self, n_cuts: int) -> tuple[int, list[float]]:
        """How many requests there were, and the share of scores up to each cut."""
        n = sum(self.weights)
        return round(n), [each / n for each in accumulate(self.weights[:n_cuts])] if n else []


@dataclass
class PairedShapes:
    """Scores of both for the same questions: who is below a cut and who is not."""

    n: float = 0.0
    only_new: list[float] = field(default_factory=lambda: [0.0] * N_CUTS)
    only_old: list[float] = field(default_factory=lambda: [0.0] * N_CUTS)

    def add(self, old: float, new: float, cuts: Sequence[float], weight: float = 1.0) -> None:
        """Count one more question."""
        self.n += weight
        one, other = bisect_left(cuts, old), bisect_left(cuts, new)
        only, first, last = (
            (self.only_new, other, one) if other < one else (self.only_old, one, other)
        )
        for cut in range(first, last):
            only[cut] += weight


def distance(old: Shape, new: Shape, n_cuts: int, confidence: float, planned: int) -> Bounds:
    """Bounds of the largest difference of both shares below any cut, from 0 to 1, of two groups.

    The Kolmogorov-Smirnov distance at cuts that were fixed before. Each cut has the bounds of a
    difference of means (`mean_difference`) at an equal share of the error, so that all hold
    together. No cuts, or fewer than 20 requests in either group: from 0 to 1.

    For all cuts at once, at some more values: Howard, Ramdas (2022), doi:10.3150/21-BEJ1388.
    """
    (n_old, shares_old), (n_new, shares_new) = old.below(n_cuts), new.below(n_cuts)
    if not (n_cuts and n_old and n_new):
        return UNKNOWN
    each = 1 - (1 - confidence) / n_cuts
    return _largest(
        [
            mean_difference(_shares(n_old, one), _shares(n_new, other), each, planned)
            for one, other in zip(shares_old, shares_new, strict=True)
        ]
    )


def paired_distance(pairs: PairedShapes, n_cuts: int, confidence: float, planned: int) -> Bounds:
    """As `distance`, where both have scored the same questions: known with far fewer of them."""
    n = round(pairs.n)
    if not (n_cuts and n):
        return UNKNOWN
    each = 1 - (1 - confidence) / n_cuts
    found = []
    for gained, lost in list(zip(pairs.only_new, pairs.only_old, strict=True))[:n_cuts]:
        mean = (gained - lost) / n
        moved = Moments(n, mean, max(0.0, gained + lost - n * mean**2))
        found.append(mean_bounds(moved, each, planned))
    return _largest(found)


def _shares(n: int, share: float) -> Moments:
    """Moments of hits with this share; of values between 0 and 1 none vary more."""
    share = min(1.0, max(0.0, share))
    return Moments(n, share, n * share * (1 - share))


def _largest(each: Sequence[Bounds]) -> Bounds:
    """Bounds of the largest absolute value of all that have these."""
    found = Bounds(
        max(abs(one.estimate) for one in each),
        max(max(0.0, one.low, -one.high) for one in each),
        min(1.0, max(max(-one.low, one.high) for one in each)),
    )
    return UNKNOWN if math.isnan(found.estimate) else found
