"""How often each caller may ask: one token bucket per caller, in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable

from perennial.declare.gateway import Rate

MOST_CALLERS = 10_000


class TokenBuckets:
    """A bucket per caller: it holds up to `burst` tokens and gains `per_second` of them.

    Of more than `most` callers the one that has not asked for the longest is forgotten, and begins
    anew with a full bucket. Time is monotonic: a clock that is set does no harm.
    """

    def __init__(
        self, rate: Rate, clock: Callable[[], float] = time.monotonic, most: int = MOST_CALLERS
    ) -> None:
        self._rate, self._clock, self._most = rate, clock, most
        self._buckets: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, caller: str) -> float:
        """0 when the caller may ask now, else the seconds until it may."""
        now = self._clock()
        tokens, filled_at = self._buckets.pop(caller, (float(self._rate.burst), now))
        tokens = min(self._rate.burst, tokens + (now - filled_at) * self._rate.per_second)
        may = tokens >= 1
        self._buckets[caller] = (tokens - 1 if may else tokens, now)  # now the last of all
        if len(self._buckets) > self._most:
            del self._buckets[next(iter(self._buckets))]
        return 0.0 if may else (1 - tokens) / self._rate.per_second
