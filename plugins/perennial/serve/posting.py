"""Posted events: rows of a source, checked against its contract and journaled."""

from __future__ import annotations

from datetime import UTC, datetime

from perennial.declare.project import Project
from perennial.declare.sources import Source
from perennial.serve.forms import event
from perennial.serve.journaling import opened, written
from perennial.serve.metrics import EVENTS
from perennial.serve.refusals import RefusedError


class EventDesk:
    """Takes the events of every source that declares `land.events`."""

    def __init__(self, project: Project) -> None:
        declared = [source for source in project.sources.values() if source.land.events]
        self.sources = {source.name: _Inbox(project, source) for source in declared}

    def post(self, name: str, body: bytes) -> dict[str, int]:
        """Journal one row (an object) or up to `gateway.max_rows` (a list): all of them or none.

        Returns how many were accepted and the number of the last one.
        """
        return self._named(name).post(body)

    def last_seq(self, name: str) -> int:
        """The number of the last journaled event of a source."""
        return self._named(name).journal.last_seq

    def close(self) -> None:
        """Free the journals."""
        for inbox in self.sources.values():
            inbox.journal.close()

    def _named(self, name: str) -> _Inbox:
        if name not in self.sources:
            known = ", ".join(sorted(self.sources)) or "none"
            raise RefusedError(
                404, "unknown_source", f"no source {name[:100]!r} takes events (these do: {known})"
            )
        return self.sources[name]


class _Inbox:
    def __init__(self, project: Project, source: Source) -> None:
        self.source = source
        self.form = event(source, project.gateway.max_rows)
        self.journal = opened(project, "events", source.name)

    def post(self, body: bytes) -> dict[str, int]:
        rows, _ = self.form.parse(body, f"the {self.source.name} event")
        received_at = datetime.now(UTC)
        entries = [{"received_at": received_at, "row": row} for row in rows]
        last = written(self.journal, entries, "events")
        EVENTS.labels(self.source.name).inc(len(rows))
        return {"accepted": len(rows), "seq": last}
