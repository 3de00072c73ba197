"""Numbers and their intervals as reports show them."""

from __future__ import annotations

import math
from typing import Self

from perennial.declare.frozen import Frozen
from perennial.measure.intervals import Interval


class Value(Frozen):
    """A number and its interval; null where it is not defined or not bounded."""

    estimate: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, interval: Interval) -> Self:
        """The interval as a report shows it."""
        return cls(
            estimate=finite(interval.estimate), low=finite(interval.low), high=finite(interval.high)
        )


def finite(number: float) -> float | None:
    """The number, or None where it is none or has no bound.

    >>> finite(0.5), finite(float("nan")), finite(float("-inf"))
    (0.5, None, None)
    """
    return float(number) if math.isfinite(number) else None
