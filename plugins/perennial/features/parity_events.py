"""What fresh views held at a past moment: the marts' own SQL over the events known by then.

Nothing of the freshener's is used but what it is made of, so that whatever went wrong in it shows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from perennial.declare.project import Project
from perennial.declare.sources import Source
from perennial.features.entity_keys import Key
from perennial.features.entity_reads import Entity
from perennial.features.parity_journal import Event, events_of
from perennial.features.stream import AHEAD_MINUTES, FreshView
from perennial.keep.quoting import moment, names
from perennial.keep.watermark import watermarks
from perennial.layer.compiled import compile_project, fill, open_memory

NEVER = 2**62


class PastEvents:
    """The states that fresh views went through while events came.

    State k is what is known after the first k events, in the order in which they were received.
    Events are read from twice as long before `first` as the views look back, as a freshener that
    starts does, up to `last`.
    """

    def __init__(
        self, project: Project, views: Sequence[FreshView], first: datetime, last: datetime
    ) -> None:
        compiled = compile_project(project)
        self._views = {view.name: view for view in views}
        self._memory = open_memory(project, compiled, [view.mart for view in views])
        found = {name for view in views for name in compiled.sources_of(view.mart)}
        declared = [project.source(name) for name in sorted(found)]
        self._posted = {each.name: each for each in declared if each.land.events is not None}
        self._sources = {view.name: compiled.sources_of(view.mart) for view in views}
        for source in declared:
            if source.land.static_from is not None:
                fill(project, self._memory, source.name, None, None)
        kept = timedelta(hours=max((view.hours for view in views), default=0.0))
        self._begins_at: datetime | None = None
        self._whole_from: dict[str, datetime] = {}
        self._read(project, first - 2 * kept, last, kept)

    def is_told_of(self, at: datetime) -> bool:
        """Whether the events that count today were the ones that counted then.

        When a past day is lived the freshener begins a new story, and forgets the one before.
        """
        return self._begins_at is None or at >= self._begins_at

    def state(self, at: datetime) -> int:
        """The state at this moment of the wall clock."""
        return bisect_right(self._received, at)

    def held(
        self, view: str, features: Sequence[str], state: int, keys: Iterable[Key]
    ) -> dict[Key, Entity]:
        """The newest features of each of these entities in that state, where there are any."""
        return {key: rows[-1] for key, rows in self._rows(view, features, state, keys, 1).items()}

    def history(
        self, view: str, features: Sequence[str], keys: Iterable[Key]
    ) -> dict[Key, list[Entity]]:
        """All that these entities ever held by all the events, the oldest first."""
        return self._rows(view, features, len(self._received), keys, None)

    def _rows(
        self, view: str, features: Sequence[str], state: int, keys: Iterable[Key], most: int | None
    ) -> dict[Key, list[Entity]]:
        """Per entity its rows in a state, the oldest first; the newest `most` of them."""
        declared = self._views[view]
        asked = list(dict.fromkeys(keys))
        if not asked or not state:
            return {}
        n = len(declared.keys)
        tuples = [key if n > 1 else (key,) for key in asked]
        chosen = [f"{names([name])} IN ({', '.join('?' * len(asked))})" for name in declared.keys]
        order = "event_timestamp DESC, created_timestamp DESC"
        newest = f"row_number() OVER (PARTITION BY {names(declared.keys)} ORDER BY {order})"
        self._at(state)
        rows = self._memory.execute(
            f"SELECT epoch_us(event_timestamp), {names([*declared.keys, *features])} "
            f"FROM {names([declared.mart])} "
            f"WHERE {' AND '.join([*chosen, *self._conditions(view, state)])} "
            + (f"QUALIFY {newest} <= {most} " if most else "")
            + f"ORDER BY {order}",
            [each[place] for place in range(n) for each in tuples],
        ).fetchall()
        found: dict[Key, list[Entity]] = {}
        for row in reversed(rows):
            key = row[1 : 1 + n] if n > 1 else row[1]
            found.setdefault(key, []).append((row[0], tuple(map(plain, row[1 + n :]))))
        return found

    def newest_at(self, view: str, state: int) -> datetime | None:
        """The newest event time of any entity of the view in that state."""
        if not state:
            return None
        self._at(state)
        found: datetime | None = self._memory.execute(
            f"SELECT max(event_timestamp) FROM {names([self._views[view].mart])} "
            f"WHERE {' AND '.join(self._conditions(view, state))}"
        ).fetchall()[0][0]
        return found

    def _conditions(self, view: str, state: int) -> list[str]:
        ahead = self._received[state - 1] + timedelta(minutes=AHEAD_MINUTES)
        lacking = [self._whole_from[name] for name in self._sources[view] & set(self._whole_from)]
        whole = [f"event_timestamp >= {moment(max(lacking))}"] if lacking else []
        return [f"event_timestamp <= {moment(ahead)}", *whole]

    def _at(self, state: int) -> None:
        self._memory.execute(f"SET VARIABLE state = {int(state)}")

    def _read(self, project: Project, since: datetime, last: datetime, kept: timedelta) -> None:
        marks = watermarks(project)
        events: list[Event] = []
        for name in self._posted:
            begins_at = marks[name].begins_at if name in marks else 1
            folder = project.var / "journal" / "events" / name
            found = events_of(folder, name, begins_at, since, last)
            if found and found[0].seq > begins_at:
                self._lacks_what_was_before(self._posted[name], found, kept)
            if found and begins_at > 1 and found[0].seq == begins_at:
                began = [each for each in (self._begins_at, found[0].received_at) if each]
                self._begins_at = max(began)
            events += found
        events.sort(key=lambda each: (each.received_at, each.source, each.seq))
        self._received = [each.received_at for each in events]
        for source in self._posted.values():
            self._put(source, events)

    def _lacks_what_was_before(
        self, source: Source, found: Sequence[Event], kept: timedelta
    ) -> None:
        """What is made of the first events lacks those before them, as after a restart."""
        moment_of = source.land.event_time
        if moment_of is not None:
            told = [each.row[moment_of] for each in found if each.row.get(moment_of)]
            if told:
                self._whole_from[source.name] = min(map(datetime.fromisoformat, told)) + kept

    def _put(self, source: Source, events: Sequence[Event]) -> None:
        """Put the events where the marts' SQL looks: each from its state to its key's next one."""
        rows: list[dict[str, Any]] = []
        since: list[int] = []
        until: list[int] = []
        last: dict[tuple[Any, ...], int] = {}
        for state, event in enumerate(events, 1):
            if event.source == source.name:
                key = tuple(event.row[each] for each in source.land.key)
                if key in last:
                    until[last[key]] = state
                last[key] = len(rows)
                rows.append(event.row)
                since.append(state)
                until.append(NEVER)
        columns = [column.name for column in source.columns]
        content = {name: [row.get(name) for row in rows] for name in columns}
        places = {"__since": pa.array(since, pa.int64()), "__until": pa.array(until, pa.int64())}
        self._memory.register("incoming", pa.table({**content, **places}))
        cast = ", ".join(
            f"CAST({names([each.name])} AS {each.data_type}) AS {names([each.name])}"
            for each in source.columns
        )
        self._memory.execute(
            f'CREATE TABLE "events_{source.name}" AS SELECT {cast}, __since, __until FROM incoming'
        )
        self._memory.unregister("incoming")
        self._memory.execute(f"DROP TABLE raw_{source.name}")
        self._memory.execute(
            f'CREATE VIEW raw_{source.name} AS SELECT {names(columns)} FROM "events_{source.name}" '
            "WHERE __since <= getvariable('state') AND __until > getvariable('state')"
        )


def plain(value: Any) -> Any:
    """A value as the online store gives it back: decimals are numbers there."""
    return float(value) if isinstance(value, Decimal) else value
