"""The events that were journaled until a past moment, in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from perennial.keep.journal import Reader
from perennial.keep.journal_lines import decode, first_seq, segments


@dataclass(frozen=True)
class Event:
    """One journaled row, and when it came."""

    received_at: datetime
    source: str
    seq: int
    row: dict[str, Any]


def events_of(
    folder: Path, source: str, begins_at: int, since: datetime, last: datetime
) -> list[Event]:
    """The journaled events of a source from `since` (and some before) to `last`, in order."""
    found: list[Event] = []
    reader = Reader(folder, after=_before(folder, begins_at, since))
    while entries := reader.poll():
        for entry in entries:
            at = datetime.fromisoformat(entry.content["received_at"])
            if found and at < found[-1].received_at:
                at = found[-1].received_at  # a clock that was set back changes no order
            if at > last:
                return found
            found.append(Event(at, source, entry.seq, entry.content["row"]))
    return found


def _before(folder: Path, begins_at: int, since: datetime) -> int:
    """After which entry to read: whole segments from before `since` are passed over."""
    after = begins_at - 1
    for path in segments(folder):
        with path.open("rb") as file:
            entry, _ = decode(file.readline())
        if entry is not None and datetime.fromisoformat(entry.content["received_at"]) <= since:
            after = max(after, first_seq(path) - 1)
    return after
