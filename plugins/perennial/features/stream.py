"""Fresh features out of events: the marts' own SQL over the last hours, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa

from perennial.declare.project import Project
from perennial.errors import DeclarationError
from perennial.features.freshness import DEFAULT_SECONDS
from perennial.features.recent_rows import RecentRows
from perennial.layer.compiled import Compiled, compile_project, open_memory

DEFAULT_HOURS = 48.0
AHEAD_MINUTES = 5
"""How far the clocks of those who post may be ahead of this one."""


@dataclass(frozen=True)
class FreshView:
    """A Feast view whose values change within the day."""

    name: str
    push_source: str
    mart: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    hours: float = DEFAULT_HOURS
    freshness_seconds: float = DEFAULT_SECONDS
    """How soon after an event its value is promised."""


class Stream:
    """Tells which entities' newest values have changed by the events taken.

    Events older than the longest `hours` of a view, by their source's event time and counted from
    the newest, may be gone: a view's SQL must not look further back than that from its moment.
    """

    def __init__(
        self, project: Project, views: list[FreshView], is_whole: dict[str, bool] | None = None
    ) -> None:
        self.views = views
        self._compiled: Compiled = compile_project(project)
        marts = [view.mart for view in views]
        self._memory = open_memory(project, self._compiled, marts)
        names = {name for mart in marts for name in self._compiled.sources_of(mart)}
        self._refuse_unposted(project, names)
        kept = timedelta(hours=max((view.hours for view in views), default=DEFAULT_HOURS))
        self._rows = RecentRows(project, self._memory, names, kept, is_whole or {})
        for view in views:
            self._memory.execute(
                f'CREATE TABLE "told_{view.name}" AS SELECT {_listed(view.columns)} '
                f'FROM "{view.mart}" LIMIT 0'
            )

    @property
    def sources(self) -> list[str]:
        """The sources whose events matter here."""
        return list(self._rows.posted)

    def take(self, source: str, rows: list[dict[str, Any]], first_seq: int = 0) -> None:
        """Take posted rows in their order; a later row of a key replaces the earlier one.

        `first_seq` is the journal's number of the first of them (see `needed_from`).
        """
        self._rows.take(source, rows, first_seq)

    def needed_from(self, source: str) -> int:
        """The number of the first event that a restart has to read again."""
        return self._rows.needed_from(source)

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
        if self._rows.forget():
            self._count_as_told()
        return found

    def _changed(self, view: FreshView) -> pa.Table:
        self._memory.execute(
            f"CREATE OR REPLACE TEMP TABLE changed AS "
            f'({self._newest(view)}) EXCEPT SELECT * FROM "told_{view.name}"'
        )
        same = " AND ".join(f'old."{key}" = new."{key}"' for key in view.keys) or "true"
        self._memory.execute(
            f'DELETE FROM "told_{view.name}" AS old USING changed AS new WHERE {same}'
        )
        self._memory.execute(f'INSERT INTO "told_{view.name}" SELECT * FROM changed')
        return self._memory.sql("SELECT * FROM changed").to_arrow_table()

    def _count_as_told(self) -> None:
        """A value that changed because old rows were dropped is no news: it lacks them."""
        for view in self.views:
            self._memory.execute(
                f'CREATE OR REPLACE TABLE "told_{view.name}" AS {self._newest(view)}'
            )

    def _newest(self, view: FreshView) -> str:
        """The query for the newest row of each entity, where it lacks nothing."""
        start = self._rows.whole_from(self._compiled.sources_of(view.mart))
        whole = f"event_timestamp >= TIMESTAMPTZ '{start.isoformat()}'" if start else "true"
        # What claims to have happened later than now would stand for ever: nothing is newer.
        return (
            f'SELECT {_listed(view.columns)} FROM "{view.mart}" '
            f"WHERE {whole} AND event_timestamp <= now() + INTERVAL {AHEAD_MINUTES} MINUTE "
            f"QUALIFY row_number() OVER (PARTITION BY {_listed(view.keys)} "
            "ORDER BY event_timestamp DESC, created_timestamp DESC) = 1"
        )

    def _refuse_unposted(self, project: Project, names: set[str]) -> None:
        mistakes = [
            f"data/__sources.yml: {name} is read by the fresh view {view.name}, so it "
            "must declare land.events or land.static_from"
            for name in sorted(names)
            for view in self.views
            if project.source(name).land.events is None
            and project.source(name).land.static_from is None
            and name in self._compiled.sources_of(view.mart)
        ]
        if mistakes:
            raise DeclarationError(mistakes)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)
