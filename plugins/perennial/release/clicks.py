"""Clicks on interleaved rankings: each query's credit, counted once and never changed.

What is told of a query in one request to /feedback is its outcome: the first such request with a
click in it. An outcome that grew with every later click could be looked at just when it is extreme,
which bounds for any look do not allow; the first clicks of a query favour neither version when
neither is better. Who tells clicks one by one gives the credit to the first of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from perennial.keep.journal import Entry
from perennial.release.seen import Phase

MOST_ITEMS = 100_000
"""Items of rankings that are remembered until a click comes; the oldest queries are let go."""


@dataclass(eq=False)
class Query:
    """An interleaved query without a click so far: whose each of its items is."""

    phase: Phase
    teams: dict[str, bool] = field(default_factory=dict)
    """Per prediction id whether the new version's team has it."""


@dataclass(eq=False)
class Clicks:
    """Follows interleaved queries until their clicks come."""

    n_let_go: int = 0
    """Queries that were let go before a click came."""
    _queries: dict[str, Query] = field(default_factory=dict)
    _query_of: dict[str, str] = field(default_factory=dict)

    def show(self, phase: Phase, content: dict[str, Any], is_new: bool) -> None:
        """Remember one item of an interleaved ranking."""
        item, name = content["prediction_id"], content["query_id"]
        self._queries.setdefault(name, Query(phase)).teams[item] = is_new
        self._query_of[item] = name
        while len(self._query_of) > MOST_ITEMS:
            self._forget(next(iter(self._queries)))
            self.n_let_go += 1

    def take(self, labels: Sequence[Entry]) -> None:
        """Count journaled labels: above 0 is a click. What was told together is one outcome."""
        for _, together in groupby(labels, key=lambda each: each.content.get("at", each.seq)):
            self._count([each.content for each in together])

    def _count(self, together: Sequence[dict[str, Any]]) -> None:
        clicked: dict[str, list[int]] = {}
        for each in together:
            item, label = each.get("prediction_id", ""), each.get("label")
            name = self._query_of.get(item)
            if name is None or not isinstance(label, int | float) or not math.isfinite(label):
                continue
            del self._query_of[item]  # the first label of each counts
            if label > 0:
                is_new = self._queries[name].teams[item]
                clicked.setdefault(name, [0, 0])[is_new] += 1
        for name, (old_clicks, new_clicks) in clicked.items():
            phase = self._queries[name].phase
            phase.credit = phase.credit.add(new_clicks, old_clicks)
            self._forget(name)

    def _forget(self, name: str) -> None:
        for item in self._queries.pop(name).teams:
            self._query_of.pop(item, None)
