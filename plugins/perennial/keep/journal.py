"""Journals: append-only lines of JSON that survive `kill -9` of their writer.

A journal is a folder of segments `00000000000000000001.jsonl`, named after the first sequence
number that they hold. Each entry carries its `seq`. An entry is in the kernel's hands before
`append` returns; a line torn by a full disk or a power failure is never read as an entry.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from perennial.errors import BusyError

SEGMENT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """One line of a journal."""

    seq: int
    content: dict[str, Any]


class Journal:
    """The one writer of a journal; a second writer is refused."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self._segment_bytes = segment_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise BusyError(f"journal {folder.name}: another process writes it") from error
        self.last_seq = last_seq(folder)
        self._file = self._open(_segments(folder)[-1] if _segments(folder) else None)

    def append(self, entries: Sequence[dict[str, Any]]) -> int:
        """Write all `entries` in one call to the kernel; returns the last one's number.

        Raises OSError when the disk is full; then none of them counts as written.
        """
        if os.fstat(self._file).st_size >= self._segment_bytes:
            os.close(self._file)
            self._file = self._open(None)
        first = self.last_seq + 1
        lines = b"".join(
            orjson.dumps({"seq": seq, **entry}, option=orjson.OPT_APPEND_NEWLINE)
            for seq, entry in enumerate(entries, start=first)
        )
        before = os.fstat(self._file).st_size
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._file, lines[written:])
        except OSError:
            os.ftruncate(self._file, before)
            raise
        self.last_seq += len(entries)
        return self.last_seq

    def close(self) -> None:
        """Free the journal for another writer."""
        os.close(self._file)
        os.close(self._lock)

    def _open(self, path: Path | None) -> int:
        path = path or self.folder / f"{self.last_seq + 1:020d}.jsonl"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        _end_torn_line(descriptor)
        return descriptor


@dataclass
class Reader:
    """Follows a journal from a place; `poll` gives what has come since."""

    folder: Path
    after: int = 0
    n_torn: int = 0
    _segment: Path | None = None
    _offset: int = 0

    def poll(self, limit: int = 10_000) -> list[Entry]:
        """The next entries after the last one returned, at most `limit`, in order."""
        found: list[Entry] = []
        for segment in self._from_here():
            if segment != self._segment:
                self._segment, self._offset = segment, 0
            with segment.open("rb") as file:
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # being written right now, or torn: the next poll tells
                    self._offset += len(line)
                    entry = _entry(line)
                    if entry is None:
                        self.n_torn += 1
                    elif entry.seq > self.after:
                        self.after = entry.seq
                        found.append(entry)
                        if len(found) >= limit:
                            return found
        return found

    def _from_here(self) -> list[Path]:
        segments = _segments(self.folder)
        if self._segment is None:
            later = [each for each in segments if int(each.stem) > self.after + 1]
            return segments[max(0, len(segments) - len(later) - 1) :]
        return [each for each in segments if each >= self._segment]


def read(folder: Path) -> Iterator[Entry]:
    """Every entry of a journal, the oldest first; torn lines are left out."""
    reader = Reader(folder)
    while entries := reader.poll():
        yield from entries


def last_seq(folder: Path) -> int:
    """The number of the last entry of a journal; 0 when it has none."""
    return max((entry.seq for entry in _tail(folder)), default=0)


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def _tail(folder: Path) -> Iterator[Entry]:
    for segment in _segments(folder)[-2:]:
        with segment.open("rb") as file:
            for line in file:
                entry = _entry(line)
                if entry is not None:
                    yield entry


def _entry(line: bytes) -> Entry | None:
    try:
        content = orjson.loads(line)
        return Entry(int(content.pop("seq")), content)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        return None


def _end_torn_line(descriptor: int) -> None:
    """Close off a last line without its end, so that the next entry starts on a line of its own."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.write(descriptor, b"\n")
