"""Posted rows of the last hours, in memory: taken, replaced by key, and dropped when they are old.

Times are the sources' event times, counted from the newest row; no clock is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from perennial.declare.project import Project
from perennial.declare.sources import Source
from perennial.layer.compiled import fill

SLACK = 1.25
"""Rows are dropped in one go, when they span this much more than what is kept."""


class RecentRows:
    """The tables `raw_<source>` of a DuckDB connection, holding at least the last `kept`.

    A static source is there whole from the start; the others begin empty and come as events.
    `is_whole` says per source whether its events begin where their story does; after a restart
    they do not.
    """

    def __init__(
        self,
        project: Project,
        memory: Any,
        names: Iterable[str],
        kept: timedelta,
        is_whole: dict[str, bool],
    ) -> None:
        declared = [project.source(name) for name in sorted(names)]
        self.posted = {source.name: source for source in declared if source.land.events}
        self._memory, self._kept, self._is_whole = memory, kept, is_whole
        self._batches: dict[str, deque[tuple[int, datetime | None]]] = {
            name: deque() for name in self.posted
        }
        self._whole_from: dict[str, datetime | None] = {}
        for source in declared:
            if source.land.static_from is not None:
                fill(project, memory, source.name, None, None)

    def take(self, name: str, rows: list[dict[str, Any]], first_seq: int) -> None:
        """Take rows in their order; a later row of a key replaces the earlier one."""
        source = self.posted[name]
        last = {tuple(row[key] for key in source.land.key): row for row in rows}
        names = [column.name for column in source.columns]
        table = pa.table({name: [row.get(name) for row in last.values()] for name in names})
        self._memory.register("incoming", table)
        cast = ", ".join(
            f'CAST("{each.name}" AS {each.data_type}) AS "{each.name}"' for each in source.columns
        )
        self._memory.execute(f"CREATE OR REPLACE TEMP TABLE posted AS SELECT {cast} FROM incoming")
        self._memory.unregister("incoming")
        same = " AND ".join(f'old."{key}" = new."{key}"' for key in source.land.key)
        self._memory.execute(f"DELETE FROM raw_{name} AS old USING posted AS new WHERE {same}")
        self._memory.execute(f"INSERT INTO raw_{name} SELECT * FROM posted")
        self._remember(source, first_seq)

    def needed_from(self, name: str) -> int:
        """The number of the first event that a restart has to read again."""
        return self._batches[name][0][0] if self._batches[name] else 1

    def whole_from(self, names: Iterable[str]) -> datetime | None:
        """From when on what is made of these sources lacks nothing; None where it never does.

        After a restart what lies less than `kept` after the first row may lack what was before.
        """
        return max((each for name in names if (each := self._whole_from.get(name))), default=None)

    def forget(self) -> bool:
        """Drop rows older than `kept` when there are enough of them; whether any were dropped."""
        is_less = False
        for source in self.posted.values():
            oldest, latest = self._span(source, f"raw_{source.name}")
            if oldest and latest and latest - oldest > SLACK * self._kept:
                self._memory.execute(
                    f"DELETE FROM raw_{source.name} WHERE {source.land.event_time} < ?",
                    [latest - self._kept],
                )
                is_less = True
        return is_less

    def _remember(self, source: Source, first_seq: int) -> None:
        """Note what a restart has to read: `kept` to be whole, and `kept` that is then whole."""
        oldest, newest = self._span(source, "posted")
        if source.name not in self._whole_from and oldest is not None:
            is_whole = self._is_whole.get(source.name, True)
            self._whole_from[source.name] = None if is_whole else oldest + self._kept
        batches = self._batches[source.name]
        batches.append((first_seq, newest))
        _, latest = self._span(source, f"raw_{source.name}")
        while latest and len(batches) > 1 and _is_before(batches[0][1], latest - 2 * self._kept):
            batches.popleft()

    def _span(self, source: Source, table: str) -> tuple[datetime | None, datetime | None]:
        """The first and the last event time in a table; None without rows, or for a snapshot."""
        moment = source.land.event_time
        if moment is None:
            return None, None
        # A row from a far future must not age all the others.
        plausible = f"FILTER (WHERE {moment} <= now() + INTERVAL 1 DAY)"
        span = self._memory.execute(f"SELECT min({moment}), max({moment}) {plausible} FROM {table}")
        oldest, newest = span.fetchall()[0]
        return oldest, newest


def _is_before(moment: datetime | None, other: datetime) -> bool:
    return moment is not None and moment < other
