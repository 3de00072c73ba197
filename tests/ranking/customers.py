"""A small example of ranking: loaves in a bakery's window, and customers who click on them.

A query is a handful of loaves; the model says how well each sells, and the window shows the best
first. Customers look at a place the less the further back it is, and click on what they look at as
often as the loaf is good (the position-based model: Craswell, Zoeter, Taylor, Ramsey (2008),
doi:10.1145/1341531.1341545). So clicks alone say little of a loaf, and interleaving is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

N_LOAVES = 40
N_SHOWN = 6

Taste = Callable[[float], float]
"""How good a version of the model takes a loaf to be, from 0 to 1, by its only feature."""

CATALOGUE = tuple(float(each) for each in np.linspace(2, 70, N_LOAVES))
"""The loaves by their feature, `trays`: a hundredth of it is how good one really is."""


def truth(trays: float) -> float:
    """A version that knows."""
    return trays / 100


def muddle(share: float) -> Taste:
    """A version whose opinion is wrong by so large a share."""
    wrong = dict(zip(CATALOGUE, np.random.default_rng(3).uniform(0, 0.7, N_LOAVES), strict=True))

    def taste(trays: float) -> float:
        return float((1 - share) * truth(trays) + share * wrong.get(trays, 0.0))

    return taste


muddled = muddle(0.8)
"""A version that has learned little: some order, much of it wrong."""


def upside_down(trays: float) -> float:
    """A version that takes the best for the worst."""
    return 1 - truth(trays)


@dataclass
class Customers:
    """Seeded queries and clicks."""

    seed: int = 1
    random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def query(self) -> list[float]:
        """The loaves of one query."""
        return [float(each) for each in self.random.choice(CATALOGUE, N_SHOWN, replace=False)]

    def clicks(self, shown: Sequence[float]) -> list[bool]:
        """Which of the loaves are clicked on, in the order in which they are shown."""
        looks = 1 / np.arange(1, len(shown) + 1)
        good = np.array([truth(each) for each in shown])
        return [bool(each) for each in self.random.random(len(shown)) < looks * good]
