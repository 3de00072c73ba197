"""Whom the door turns away: counted by what, where and whose key, and journaled once a minute.

Strangers may ask as often as they like, so that no single request leaves anything: the entries of a
minute are bounded, whatever came. What was offered as a key is never written; the id of one that
the ledger has is, since its owner should hear of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import NamedTuple

from perennial.keep.journal import Journal
from perennial.keep.scopes import needed
from perennial.serve.journaling import refused, written_or_dropped
from perennial.serve.refusals import RefusedError

MINUTE = 60.0
MOST = 200
"""Different sums of one minute; what comes beyond is told by status and code alone."""


class _Sum(NamedTuple):
    status: int
    code: str
    path: str | None
    key: str | None


class TurnedAway:
    """Holds the sums of the present minute; a kill loses no more than these."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._sums: Counter[_Sum] = Counter()
        self._end: asyncio.TimerHandle | None = None

    def tell(self, error: RefusedError, path: str, key: str | None) -> None:
        """A request was turned away; `key` is an id that the ledger has, or None."""
        if self._end is None:
            self._end = asyncio.get_running_loop().call_later(MINUTE, self.write)
        found = _Sum(error.status, error.code, _route(path), key)
        if found not in self._sums and len(self._sums) >= MOST:
            found = found._replace(path=None, key=None)
        self._sums[found] += 1

    def write(self) -> None:
        """Journal what was counted since the last time."""
        if self._end is not None:
            self._end.cancel()
        sums, self._sums, self._end = self._sums, Counter(), None
        if sums:
            made = [
                refused(each.status, each.code, n, each.path, key=each.key)
                for each, n in sums.items()
            ]
            written_or_dropped(self._journal, made, "refusal", sums.total())


def _route(path: str) -> str | None:
    """The part of a path that says what was asked; None for one that leads nowhere.

    >>> _route("/admin/release/some_model"), _route("/wp-login.php")
    ('/admin', None)
    """
    return None if needed(path) is None else "/" + path[1:].split("/", 1)[0]
