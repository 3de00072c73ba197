"""Fresh features out of events: the marts' own SQL over the last hours, in memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from perennial.declare.project import Project
from perennial.declare.sources import Source
from perennial.errors import DeclarationError
from perennial.layer.compiled import Compiled, compile_project, fill, open_memory

DEFAULT_HOURS = 48.0


@dataclass(frozen=True)
class FreshView:
    """A Feast view whose values change within the day."""

    name: str
    push_source: str
    mart: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    hours: float = DEFAULT_HOURS


@dataclass
class Stream:
    """Holds the rows of the last hours and tells which entities' newest values have changed.

    Rows older than the longest `hours` of a view, by their source's event time and counted from
    the newest row, are dropped: a view's SQL must not look further back.
    """

    project: Project
    views: list[FreshView]
    _memory: Any = field(init=False)
    _compiled: Compiled = field(init=False)
    _sources: dict[str, Source] = field(init=False)
    _batches: dict[str, deque[tuple[int, datetime | None]]] = field(init=False)

    def __post_init__(self) -> None:
        self._compiled = compile_project(self.project)
        marts = [view.mart for view in self.views]
        self._memory = open_memory(self.project, self._compiled, marts)
        names = {name for mart in marts for name in self._compiled.sources_of(mart)}
        self._sources = {name: self.project.source(name) for name in sorted(names)}
        for source in self._sources.values():
            self._begin(source)
        self._batches = {name: deque() for name in self._sources}
        for view in self.views:
            self._memory.execute(
                f'CREATE TABLE "told_{view.name}" AS SELECT {_listed(view.columns)} '
                f'FROM "{view.mart}" LIMIT 0'
            )

    def _begin(self, source: Source) -> None:
        """A static source is there whole from the start; others begin empty and come as events."""
        if source.land.static_from is not None:
            fill(self.project, self._memory, source.name, None, None)
        elif source.land.events is None:
            readers = [
                view.name
                for view in self.views
                if source.name in self._compiled.sources_of(view.mart)
            ]
            raise DeclarationError(
                [
                    f"data/__sources.yml: {source.name} is read by the fresh view {name}, so it "
                    "must declare land.events or land.static_from"
                    for name in readers
                ]
            )

    @property
    def sources(self) -> list[str]:
        """The sources whose events matter here."""
        return [name for name, source in self._sources.items() if source.land.events]

    def take(self, source: str, rows: list[dict[str, Any]], first_seq: int = 0) -> None:
        """Take posted rows in their order; a later row of a key replaces the earlier one.

        `first_seq` is the journal's number of the first of them (see `needed_from`).
        """
        declared = self._sources[source]
        last = {tuple(row[key] for key in declared.land.key): row for row in rows}
        names = [column.name for column in declared.columns]
        table = pa.table({name: [row.get(name) for row in last.values()] for name in names})
        self._memory.register("incoming", table)
        cast = ", ".join(
            f'CAST("{each.name}" AS {each.data_type}) AS "{each.name}"' for each in declared.columns
        )
        self._memory.execute(f"CREATE OR REPLACE TEMP TABLE posted AS SELECT {cast} FROM incoming")
        self._memory.unregister("incoming")
        same = " AND ".join(f'old."{key}" = new."{key}"' for key in declared.land.key)
        self._memory.execute(f"DELETE FROM raw_{source} AS old USING posted AS new WHERE {same}")
        self._memory.execute(f"INSERT INTO raw_{source} SELECT * FROM posted")
        self._forget(declared, first_seq)

    def needed_from(self, source: str) -> int:
        """The number of the first event that what is in memory may still come from."""
        return self._batches[source][0][0] if self._batches[source] else 1

    def changes(self, sources: set[str]) -> dict[str, pa.Table]:
        """Per view the newest row of each entity that differs from what was told before.

        Only views that read one of `sources` are looked at. What is returned counts as told.
        """
        found: dict[str, pa.Table] = {}
        for view in self.views:
            if sources & self._compiled.sources_of(view.mart):
                table = self._changed(view)
                if table.num_rows:
                    found[view.name] = table
        return found

    def _changed(self, view: FreshView) -> pa.Table:
        keys = _listed(view.keys)
        self._memory.execute(
            f"CREATE OR REPLACE TEMP TABLE newest AS SELECT {_listed(view.columns)} "
            f'FROM "{view.mart}" QUALIFY row_number() OVER '
            f"(PARTITION BY {keys} ORDER BY event_timestamp DESC, created_timestamp DESC) = 1"
        )
        self._memory.execute(
            f"CREATE OR REPLACE TEMP TABLE changed AS "
            f'SELECT * FROM newest EXCEPT SELECT * FROM "told_{view.name}"'
        )
        same = " AND ".join(f'old."{key}" = new."{key}"' for key in view.keys) or "true"
        self._memory.execute(
            f'DELETE FROM "told_{view.name}" AS old USING changed AS new WHERE {same}'
        )
        self._memory.execute(f'INSERT INTO "told_{view.name}" SELECT * FROM changed')
        return self._memory.sql("SELECT * FROM changed").to_arrow_table()

    def _forget(self, source: Source, first_seq: int) -> None:
        """Drop rows that no view looks back on, and the batches that only held such rows."""
        moment = source.land.event_time or "NULL::TIMESTAMPTZ"
        newest = self._one(f"SELECT max({moment}) FROM posted")
        batches = self._batches[source.name]
        batches.append((first_seq, newest))
        latest = self._one(f"SELECT max({moment}) FROM raw_{source.name}")
        if latest is None:
            return
        hours = max(view.hours for view in self.views)
        cutoff = latest - timedelta(hours=hours)
        self._memory.execute(f"DELETE FROM raw_{source.name} WHERE {moment} < ?", [cutoff])
        while len(batches) > 1 and batches[0][1] is not None and batches[0][1] < cutoff:
            batches.popleft()

    def _one(self, query: str) -> Any:
        row = self._memory.execute(query).fetchone()
        return row[0] if row else None


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)
