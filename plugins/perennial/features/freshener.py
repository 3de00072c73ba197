"""The freshener: follows the journals of events and keeps the online store up to them."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from perennial.declare.project import Project
from perennial.features.freshness import freshness_seconds
from perennial.features.repository import open_store
from perennial.features.stream import DEFAULT_HOURS, FreshView, Stream
from perennial.keep.journal import Reader
from perennial.keep.watermark import Watermark, follow, record, watermarks

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.05
MOST = 5000


def fresh_views(store: Any) -> list[FreshView]:
    """The views with a push source: those whose values change within the day."""
    return [_fresh(view) for view in store.list_feature_views() if view.stream_source is not None]


class Freshener:
    """Runs the marts' SQL on events as they are journaled and pushes what changed.

    Its state is only memory: after a kill it reads the journal again, twice as far back as the
    views look, so that what it then pushes is whole; pushing a value twice is the same as once.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.store = open_store(project)
        self.views = {view.name: view for view in fresh_views(self.store)}
        promised = [view.freshness_seconds for view in self.views.values()]
        self.promised_seconds = min(promised, default=float("inf"))
        marks = watermarks(project)
        is_whole = {name: mark.needed_from <= mark.begins_at for name, mark in marks.items()}
        self.stream = Stream(project, list(self.views.values()), is_whole)
        folder = project.var / "journal" / "events"
        self.marks = {name: marks.get(name, Watermark()) for name in self.stream.sources}
        self.readers = {
            name: Reader(folder / name, after=mark.needed_from - 1)
            for name, mark in self.marks.items()
        }

    def tick(self) -> int:
        """Take what was journaled since the last tick; returns how many events that were."""
        came = {name: reader.poll(MOST) for name, reader in self.readers.items()}
        came = {name: entries for name, entries in came.items() if entries}
        if not came:
            return 0
        for source, entries in came.items():
            self.stream.take(source, [each.content["row"] for each in entries], entries[0].seq)
        for view, table in self.stream.changes(set(came)).items():
            self._push(view, table)
        for source, entries in came.items():
            fresh = max(entries[-1].seq, self.marks[source].fresh_seq)
            needed_from = self.stream.needed_from(source)
            self.marks[source] = replace(
                self.marks[source], fresh_seq=fresh, needed_from=needed_from
            )
        record(self.project, self.marks)
        return sum(map(len, came.values()))

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop.

        A push that fails ends the process; the supervisor starts it again, and it begins where the
        journal is still needed, so that nothing is passed over.
        """
        logger.info("fresh views: %s", ", ".join(self.views) or "none")
        with follow(self.project):
            while not stop.is_set():
                self._tick_or_wait(stop)

    def _tick_or_wait(self, stop: threading.Event) -> None:
        started = time.monotonic()
        n_events = self.tick()
        if n_events:
            seconds = time.monotonic() - started
            is_late = seconds > self.promised_seconds
            level = logging.WARNING if is_late else logging.INFO
            logger.log(level, "%d events in %.3f s", n_events, seconds)
        else:
            stop.wait(TICK_SECONDS)

    def _push(self, view: str, table: Any) -> None:
        from feast.data_source import PushMode

        self.store.push(
            self.views[view].push_source,
            table.to_pandas(),
            allow_registry_cache=True,
            to=PushMode.ONLINE,
        )


def _fresh(view: Any) -> FreshView:
    source = view.batch_source
    names = [source.timestamp_field, source.created_timestamp_column or "created_timestamp"]
    return FreshView(
        name=view.name,
        push_source=view.stream_source.name,
        mart=Path(source.path.split("/day=")[0]).name,
        keys=tuple(view.join_keys),
        columns=(*view.join_keys, *(each.name for each in view.features), *names),
        hours=float(view.tags.get("hours", DEFAULT_HOURS)),
        freshness_seconds=freshness_seconds(view),
    )
