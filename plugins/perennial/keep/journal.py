"""Journals: append-only lines of JSON that survive `kill -9` of their writer.

A journal is a folder of segments `00000000000000000001.jsonl`, named after the first sequence
number that they hold. Each entry carries its `seq`. An entry is in the kernel's hands before
`append` returns; what a full disk, a kill or a power failure cut off is never read as an entry.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perennial.errors import BusyError
from perennial.keep.journal_lines import Entry, encode, segment, segments, whole
from perennial.keep.journal_reader import Reader, read

__all__ = ["Entry", "Journal", "Reader", "last_seq", "read"]

SEGMENT_BYTES = 64 * 1024 * 1024


class Journal:
    """The one writer of a journal; a second writer is refused."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._is_torn = False
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path = (segments(folder) or [segment(folder, 1)])[-1]
            self._file = _open(path)
            self._size, self.last_seq = whole(path)
            self._cut()
        except BlockingIOError as error:
            os.close(self._lock)
            raise BusyError(f"journal {folder.name}: another process writes it") from error
        except OSError:
            os.close(self._lock)
            raise

    def append(self, entries: Sequence[dict[str, Any]]) -> int:
        """Write all `entries` in one call to the kernel; returns the last one's number.

        Raises OSError when the disk is full; then none of them is written, also for a reader.
        """
        lines = memoryview(encode(self.last_seq + 1, entries))
        if self._is_torn:
            self._cut()
        if self._size >= self._segment_bytes:
            self._next_segment()
        self._is_torn, written = True, 0
        try:
            while written < len(lines):
                written += os.write(self._file, lines[written:])
        except OSError:
            self._cut()
            raise
        self._is_torn = False
        self._size += len(lines)
        self.last_seq += len(entries)
        return self.last_seq

    def close(self) -> None:
        """Free the journal for another writer."""
        os.close(self._file)
        os.close(self._lock)

    def _cut(self) -> None:
        """Take away what is not a whole append. Needs no space on the disk."""
        os.ftruncate(self._file, self._size)
        self._is_torn = False

    def _next_segment(self) -> None:
        following = _open(segment(self.folder, self.last_seq + 1))  # may fail: then nothing changes
        os.close(self._file)
        self._file, self._size = following, 0


def last_seq(folder: Path) -> int:
    """The number of the last entry of a journal; 0 when it has none."""
    present = segments(folder)
    return whole(present[-1])[1] if present else 0


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
