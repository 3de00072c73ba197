"""What the views of a model could rightly have held when a question was answered."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from feast import ValueType

from perennial.declare.project import Project
from perennial.features.entity_keys import Key
from perennial.features.entity_reads import EPOCH, MICROSECOND, Entity, Wanted
from perennial.features.freshener import fresh_views
from perennial.features.parity_events import PastEvents
from perennial.features.parity_given import GivenFeatures
from perennial.features.parity_lake import held_in_lake

MOST_STATES = 30
"""States between the first and the last that a value may be of; of more, as many spread evenly."""

Held = list[list[Entity]]
"""Per question what a view may have held, the likeliest first."""


@dataclass(frozen=True)
class Moment:
    """When a question was asked, by its own time, and when it was answered, by the clock."""

    asked_at: datetime
    looked_at: datetime
    """The earliest moment at which its features may have been looked up."""
    answered_at: datetime
    later: frozenset[str]
    """The views whose values were from after `asked_at`."""


class Past:
    """What each view of a model could rightly have held for questions of the past.

    A slow view: what the lake gives at the question's own time, or up to `slow_hours` before it.
    A fresh view: what the events known at the answer give, or known as long before it as is
    promised; or what all events give at the question's own time, as they will in training. Where
    the events tell of nothing newer, what the lake gives then.
    """

    def __init__(
        self,
        project: Project,
        features: GivenFeatures,
        known: Sequence[dict[str, Any]],
        moments: Sequence[Moment],
        slow_hours: float,
    ) -> None:
        self._config = features.store.config
        self._wanted = features.wanted
        self._keys = [features.keys_of(view, known) for view in range(len(self._wanted))]
        self._moments = moments
        self._slow = timedelta(hours=slow_hours)
        used = {each.view.name for each in self._wanted}
        self._fresh = {each.name: each for each in fresh_views(features.store) if each.name in used}
        self._events: PastEvents | None = None
        if self._fresh and moments:
            promised = timedelta(seconds=max(v.freshness_seconds for v in self._fresh.values()))
            first = min(each.looked_at for each in moments) - promised
            last = max(each.answered_at for each in moments)
            self._events = PastEvents(project, list(self._fresh.values()), first, last)

    def is_told_of(self, row: int) -> bool:
        """Whether the events that count today counted when this question was answered."""
        return self._events is None or self._events.is_told_of(self._moments[row].looked_at)

    def likely(self) -> list[Held]:
        """Per view and question what it should have held; quick, and nearly always right."""
        rows = range(len(self._moments))
        return [self._likely(view, rows) for view in range(len(self._wanted))]

    def known(self, rows: Sequence[int]) -> list[Held]:
        """Per view and each of these questions what it held by the events known at the answer.

        Of a slow view, what it held before the night brought the newest, and what was later.
        """
        return [
            self._known(view, rows) if self._is_fresh(view) else self._earlier(view, rows)
            for view in range(len(self._wanted))
        ]

    def promised(self, rows: Sequence[int]) -> list[Held]:
        """Per view and each of these questions what it held within its promise; this is slow."""
        return [
            self._promised(view, rows) if self._is_fresh(view) else [[] for _ in rows]
            for view in range(len(self._wanted))
        ]

    def _is_fresh(self, view: int) -> bool:
        return self._wanted[view].view.name in self._fresh

    def _likely(self, view: int, rows: Sequence[int]) -> Held:
        of_lake = self._in_lake(view, rows, [self._moments[row].asked_at for row in rows])
        if not self._is_fresh(view) or self._events is None:
            return [[each] for each in of_lake]
        wanted, keys = self._wanted[view], self._keys[view]
        asked = {keys[row] for row in rows} - {None}
        history = self._events.history(wanted.view.name, wanted.features, asked)
        found: Held = []
        for row, lake in zip(rows, of_lake, strict=True):
            held, now = history.get(keys[row], []), self._moments[row]
            told = [_at(held, each) for each in (now.asked_at, now.answered_at)]
            known = [_as_declared(each, wanted) for each in told if each is not None]
            is_newer = told[0] is None or lake[0] >= told[0][0]
            found.append([*known, lake] if is_newer else known)
        return found

    def _known(self, view: int, rows: Sequence[int]) -> Held:
        held = self._by_events(view, [(row, self._last(row)) for row in rows])
        found = [[each] if each is not None else [] for each in held]
        return self._with_quiet(view, rows, found)

    def _promised(self, view: int, rows: Sequence[int]) -> Held:
        found: Held = []
        for row in rows:
            states = spread(self._first(view, row), self._last(row))
            held = self._by_events(view, [(row, state) for state in states])
            found.append([each for each in dict.fromkeys(held) if each is not None])
        return found

    def _earlier(self, view: int, rows: Sequence[int]) -> Held:
        """What a slow view held before the night brought the newest, and what was later."""
        name = self._wanted[view].view.name
        before = self._in_lake(view, rows, [self._moments[r].asked_at - self._slow for r in rows])
        found = [[each] for each in before]
        late = [place for place, row in enumerate(rows) if name in self._moments[row].later]
        chosen = [self._moments[rows[place]] for place in late]
        for moments in ([each.answered_at for each in chosen], [_midnight(m) for m in chosen]):
            held = self._in_lake(view, [rows[place] for place in late], moments)
            for place, each in zip(late, held, strict=True):
                found[place].append(each)
        return found

    def _with_quiet(self, view: int, rows: Sequence[int], found: Held) -> Held:
        """Of entities that no event told of: what the lake gives where the events then ended."""
        quiet = [place for place, held in enumerate(found) if not held]
        ends: dict[int, datetime | None] = {}
        moments = []
        for place in quiet:
            state = self._last(rows[place])
            if state not in ends and self._events is not None:
                ends[state] = self._events.newest_at(self._wanted[view].view.name, state)
            asked_at = self._moments[rows[place]].asked_at
            moments.append(min(asked_at, ends.get(state) or asked_at))
        held = self._in_lake(view, [rows[place] for place in quiet], moments)
        for place, each in zip(quiet, held, strict=True):
            found[place] = [each]
        return found

    def _last(self, row: int) -> int:
        assert self._events is not None
        return self._events.state(self._moments[row].answered_at)

    def _first(self, view: int, row: int) -> int:
        assert self._events is not None
        promised = timedelta(seconds=self._wanted[view].freshness_seconds)
        return self._events.state(self._moments[row].looked_at - promised)

    def _by_events(self, view: int, asked: Sequence[tuple[int, int]]) -> list[Entity | None]:
        """Per pair of question and state what the events known in it give."""
        assert self._events is not None
        wanted = self._wanted[view]
        keys_in: dict[int, list[Key]] = {}
        for row, state in asked:
            if (key := self._keys[view][row]) is not None:
                keys_in.setdefault(state, []).append(key)
        held = {
            state: self._events.held(wanted.view.name, wanted.features, state, keys)
            for state, keys in keys_in.items()
        }
        found = [held.get(state, {}).get(self._keys[view][row]) for row, state in asked]
        return [each and _as_declared(each, wanted) for each in found]

    def _in_lake(self, view: int, rows: Sequence[int], moments: Sequence[datetime]) -> list[Entity]:
        wanted = self._wanted[view]
        keys = [self._keys[view][row] for row in rows]
        return [
            _as_declared(each, wanted) for each in held_in_lake(self._config, wanted, keys, moments)
        ]


def spread(first: int, last: int) -> list[int]:
    """The states from the last to the first, at most about `MOST_STATES` of them.

    >>> spread(3, 5)
    [5, 4, 3]
    """
    step = max(1, (last - first) // MOST_STATES)
    return list(dict.fromkeys([*range(last, first, -step), first]))


def _at(held: Sequence[Entity], moment: datetime) -> Entity | None:
    """The newest of these, of which the oldest come first, that is not after a moment."""
    place = bisect_right(held, (moment - EPOCH) // MICROSECOND, key=_moment_of)
    return held[place - 1] if place else None


def _moment_of(entity: Entity) -> int:
    return entity[0]


def _midnight(moment: Moment) -> datetime:
    """The first midnight after the question's own time."""
    day = moment.asked_at.astimezone(UTC).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _as_declared(entity: Entity, wanted: Wanted) -> Entity:
    """With single-precision numbers as the online store keeps them."""
    if ValueType.FLOAT not in wanted.types:
        return entity
    moment, values = entity
    return moment, tuple(
        struct.unpack("<f", struct.pack("<f", value))[0]
        if type_ is ValueType.FLOAT and value is not None
        else value
        for value, type_ in zip(values, wanted.types, strict=True)
    )
