"""Leaves a hanging server alone for a while, so that nobody waits for it in vain."""

from __future__ import annotations

import time

MOST_TIMEOUTS = 3
FIRST_SECONDS = 0.5
MOST_SECONDS = 8.0


class Ejector:
    """Counts the time-outs in a row of one server.

    After three it is left alone for half a second; then one question goes there as a probe. When
    that times out too, it is left alone twice as long, up to eight seconds. Any answer, also a
    wrong one, ends it: what fails at once costs nobody time.
    """

    def __init__(self) -> None:
        self._n_timeouts = 0
        self._out_until = 0.0
        self._seconds = FIRST_SECONDS

    def is_out(self, timeout_seconds: float) -> bool:
        """Whether the server is not to be asked now; when its time is up, one caller may.

        That one waits for `timeout_seconds` at most, and so long nobody else is let through.
        """
        if self._n_timeouts < MOST_TIMEOUTS:
            return False
        now = time.monotonic()
        if now < self._out_until:
            return True
        self._seconds = min(2 * self._seconds, MOST_SECONDS)
        self._out_until = now + timeout_seconds + self._seconds
        return False

    @property
    def is_counting(self) -> bool:
        """Whether it has timed out and not answered since."""
        return self._n_timeouts > 0

    def answered(self) -> None:
        """The server said something in time."""
        self._n_timeouts, self._seconds = 0, FIRST_SECONDS

    def timed_out(self) -> None:
        """The server said nothing in time."""
        self._n_timeouts += 1
        if self._n_timeouts == MOST_TIMEOUTS:
            self._out_until = time.monotonic() + self._seconds
