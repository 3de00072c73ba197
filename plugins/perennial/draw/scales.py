"""Axes: where a value lies between two ends, and which round values are written beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """A line from `low` to `high`."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float | None], margin: float = 0.08) -> Scale:
        """A scale that holds all values with some room; around one value when all are equal.

        >>> Scale.over([0.0, 1.0, None, float("inf")], margin=0.5)
        Scale(low=-0.5, high=1.5)
        >>> Scale.over([]), Scale.over([2.0, 2.0], margin=0)
        (Scale(low=0.0, high=1.0), Scale(low=1.9, high=2.1))
        """
        known = [each for each in values if each is not None and math.isfinite(each)]
        if not known:
            return cls(0.0, 1.0)
        low, high = min(known), max(known)
        if low == high:
            room = abs(low) * 0.05 or 0.5
            return cls(low - room, high + room)
        room = margin * (high - low)
        return cls(low - room, high + room)

    def share(self, value: float) -> float:
        """How far along the line `value` lies, 0 to 1, clipped at the ends.

        >>> Scale(0, 4).share(1), Scale(0, 4).share(9)
        (0.25, 1.0)
        """
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def labels(self, about: int = 4) -> list[tuple[float, str]]:
        """The ticks with their texts, all to the same place.

        >>> Scale(0, 0.021).labels()
        [(0.0, '0.00'), (0.01, '0.01'), (0.02, '0.02')]
        >>> Scale(0, 2.1).labels(2)
        [(0.0, '0'), (2.0, '2')]
        """
        ticks = self.ticks(about)
        gap = min((right - left for left, right in pairwise(ticks)), default=1.0)
        places = next(n for n in range(12) if abs(round(gap, n) - gap) < gap * 1e-6)
        return [(tick, f"{tick:,.{places}f}".replace("-", "−")) for tick in ticks]

    def ticks(self, about: int = 4) -> list[float]:
        """Round values within the line, some `about` of them.

        >>> Scale(0.031, 0.089).ticks()
        [0.04, 0.06, 0.08]
        """
        rough = (self.high - self.low) / about
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(each * size for each in STEPS if each * size >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(each * step, 12) for each in range(first, last + 1)]
