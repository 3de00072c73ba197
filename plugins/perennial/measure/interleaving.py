"""Two rankings of the same items made into one, so that clicks tell which of them is preferred.

An A/B test compares different callers on different days of theirs; here every query sees both
rankings at once, so that far fewer queries tell them apart (Chapelle, Joachims, Radlinski, Yue
(2012), doi:10.1145/2094072.2094078).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from perennial.measure.sequential import EVEN, Bounds, share_bounds


@dataclass(frozen=True)
class Drafted:
    """One place of an interleaved ranking."""

    item: int
    is_new: bool
    """Whether the new ranking's team has it: a click on it is the new ranking's credit."""


@dataclass(frozen=True)
class Credit:
    """How many queries preferred which ranking; queries without a click are in none of these."""

    n_new: int = 0
    n_old: int = 0
    n_tied: int = 0

    @property
    def n(self) -> int:
        """Queries with a click."""
        return self.n_new + self.n_old + self.n_tied

    def add(self, new_clicks: int, old_clicks: int) -> Credit:
        """These and one more query, by the clicks on each team's items; none change nothing.

        >>> Credit().add(2, 1).add(1, 1).add(0, 0)
        Credit(n_new=1, n_old=0, n_tied=1)
        """
        if new_clicks < 0 or old_clicks < 0:
            raise ValueError(f"clicks must be 0 or more, got {new_clicks} and {old_clicks}")
        if not new_clicks and not old_clicks:
            return self
        return Credit(
            self.n_new + (new_clicks > old_clicks),
            self.n_old + (new_clicks < old_clicks),
            self.n_tied + (new_clicks == old_clicks),
        )


def ranked(scores: Sequence[float]) -> list[int]:
    """The rows by their scores, the highest first; equal scores in the order that they came in.

    >>> ranked([0.2, 0.9, 0.2])
    [1, 0, 2]
    """
    return sorted(range(len(scores)), key=lambda row: -scores[row])


def team_draft(old: Sequence[int], new: Sequence[int], coins: Iterable[bool]) -> list[Drafted]:
    """One ranking of n items from two, each the same n items in its own order.

    Round by round both teams pick the best item of their ranking that is not taken; a fair coin
    says who picks first in each round (True: the new one), as two captains choose their teams. So
    no round favours a ranking: whatever the items, each team is as likely to have any place. Two
    equal rankings get equal credit in expectation, however callers click by place. n = 0 gives no
    places; takes one coin a round, of which there are n / 2, rounded up. ValueError when the two
    are not orders of the same items.

    Radlinski, Kurup, Joachims (2008), doi:10.1145/1458082.1458092.

    >>> [(each.item, each.is_new) for each in team_draft([0, 1, 2], [2, 1, 0], [True, False])]
    [(2, True), (0, False), (1, False)]
    """
    if sorted(old) != sorted(new) or len(set(old)) != len(old):
        raise ValueError(f"both must order the same items, each once, got {old} and {new}")
    taken: set[int] = set()
    teams = {False: iter(old), True: iter(new)}
    drafted: list[Drafted] = []
    tosses = iter(coins)
    while len(drafted) < len(old):
        first = next(tosses)
        for is_new in (first, not first):
            item = next((each for each in teams[is_new] if each not in taken), None)
            if item is not None:
                taken.add(item)
                drafted.append(Drafted(item, is_new))
    return drafted


def coins(seed: str) -> Iterator[bool]:
    """As many fair coins as wanted, always the same for a seed, so that anybody can draw again.

    Bits of SHA-256 of the seed and a counter.

    >>> from itertools import islice
    >>> list(islice(coins("1:5f"), 6)) == list(islice(coins("1:5f"), 6))
    True
    """
    block = 0
    while True:
        drawn = hashlib.sha256(f"{seed}:{block}".encode()).digest()
        for byte in drawn:
            for place in range(8):
                yield bool(byte >> place & 1)
        block += 1


def preference(credit: Credit, confidence: float = 0.95) -> Bounds:
    """How much more often queries prefer the new ranking, from -1 (never) to 1 (always).

    The share of clicked queries won by the new ranking, ties as half a win, less the old one's
    share: 0 when neither is preferred. Exact at any number of looks (`share_bounds`). Queries
    without a click express no preference and do not count. No query: from -1 to 1, the estimate
    NaN.

    Chapelle, Joachims, Radlinski, Yue (2012), doi:10.1145/2094072.2094078 (there half as large,
    from -0.5 to 0.5).

    >>> found = preference(Credit(n_new=180, n_old=100, n_tied=20))
    >>> round(found.estimate, 3), round(found.low, 2), round(found.high, 2)
    (0.267, 0.06, 0.45)
    """
    found = share_bounds(credit.n_new + credit.n_tied / 2, credit.n, confidence, EVEN)
    return Bounds(2 * found.estimate - 1, 2 * found.low - 1, 2 * found.high - 1)
