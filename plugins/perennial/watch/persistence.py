"""What was out on earlier nights: once is noise, again and again is drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from perennial.declare.watch import Persistence
from perennial.watch.watched import ColumnState, Role, Watched

Nights = Counter[tuple[Role, str]]


def nights_out(before: Sequence[Watched | None], version: str | None) -> Nights:
    """On how many of these nights each column was out, against the same champion's reference.

    A missing night, and one of another champion, tells nothing: it does not count.
    """
    return Counter(
        (column.role, column.name)
        for night in before
        if night is not None and night.version == version
        for column in night.columns
        if column.is_out
    )


def state_of(is_known: bool, is_out: bool, n_nights: int, declared: Persistence) -> ColumnState:
    """What a column is called that was out on `n_nights`, this one among them if it is out now.

    >>> rule = Persistence(nights=2, of=3)
    >>> [state_of(True, True, n, rule) for n in (1, 2)]
    ['suspected', 'drifted']
    >>> state_of(True, False, 2, rule), state_of(False, False, 0, rule)
    ('quiet', 'unknown')
    """
    if not is_known:
        return "unknown"
    if not is_out:
        return "quiet"
    return "drifted" if n_nights >= declared.nights else "suspected"
