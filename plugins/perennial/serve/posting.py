"""Posted events: rows of a source, checked against its contract and journaled."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from perennial.declare.project import Project
from perennial.declare.sources import Source
from perennial.keep.journal import Journal
from perennial.serve.fields import event
from perennial.serve.metrics import EVENTS, EVENTS_LAST
from perennial.serve.refusals import RefusedError, from_validation

MOST = 1000


class EventDesk:
    """Takes the events of every source that declares `land.events`."""

    def __init__(self, project: Project) -> None:
        declared = [source for source in project.sources.values() if source.land.events]
        self.sources = {source.name: _Inbox(project, source) for source in declared}

    def post(self, name: str, body: bytes) -> dict[str, int]:
        """Journal one row (an object) or up to a thousand (a list): all of them or none.

        Returns how many were accepted and the number of the last one.
        """
        if name not in self.sources:
            known = ", ".join(sorted(self.sources)) or "none"
            raise RefusedError(
                404, "unknown_source", f"no source {name[:100]!r} takes events (these do: {known})"
            )
        return self.sources[name].post(body)

    def close(self) -> None:
        """Free the journals."""
        for inbox in self.sources.values():
            inbox.journal.close()


class _Inbox:
    def __init__(self, project: Project, source: Source) -> None:
        self.source = source
        self.kind = event(source)
        self._one = TypeAdapter(self.kind)
        self._many = TypeAdapter(list[self.kind])  # type: ignore[name-defined]  # made at run time
        self.journal = Journal(project.var / "journal" / "events" / source.name)

    def post(self, body: bytes) -> dict[str, int]:
        is_list = body.lstrip()[:1] == b"["
        try:
            rows = self._many.validate_json(body) if is_list else [self._one.validate_json(body)]
        except ValidationError as error:
            raise from_validation(error, f"the {self.source.name} event") from error
        if not 1 <= len(rows) <= MOST:
            raise RefusedError(422, "batch_size", f"post 1 to {MOST} events, got {len(rows)}")
        keys = {key for row in rows for key in self.source.land.key if getattr(row, key) is None}
        if keys:
            raise RefusedError(
                422,
                "invalid",
                "an event needs its whole key",
                [{"field": key, "found": None, "allowed": "a value"} for key in sorted(keys)],
            )
        received_at = datetime.now(UTC)
        entries = [{"received_at": received_at, "row": dict(row)} for row in rows]
        try:
            last = self.journal.append(entries)
        except OSError as error:
            raise RefusedError(
                503, "journal", f"events cannot be written now: {error.strerror}", None, 5
            ) from error
        EVENTS.labels(self.source.name).inc(len(rows))
        EVENTS_LAST.labels(self.source.name).set(last)
        return {"accepted": len(rows), "seq": last}
