"""How much may be tried: so many trials and so many minutes, whichever ends first."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

Ended = Literal["trials", "minutes"]

clock = time.monotonic


@dataclass(frozen=True)
class Budget:
    """Over all runs of one study together."""

    trials: int
    minutes: float

    def ended(self, n_trials: int, seconds: float) -> Ended | None:
        """Which of the two is used up; None while neither is.

        >>> Budget(3, 1.0).ended(2, 59.9), Budget(3, 1.0).ended(3, 0), Budget(3, 1.0).ended(0, 60)
        (None, 'trials', 'minutes')
        """
        if n_trials >= self.trials:
            return "trials"
        return "minutes" if seconds >= 60 * self.minutes else None
