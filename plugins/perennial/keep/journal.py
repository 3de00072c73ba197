"""Journals: append-only lines of JSON that survive `kill -9` of their writer.

A journal is a folder of segments `00000000000000000001.jsonl`, named after the first sequence
number that they hold. Each entry carries its `seq`. An entry is in the kernel's hands before
`append` returns; what a full disk, a kill or a power failure cut off is never read as an entry.
When it is on the disk itself is told by `journal_sync`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perennial.errors import BusyError
from perennial.keep.journal_lines import Entry, encode, segment, segments, whole
from perennial.keep.journal_reader import Reader, read
from perennial.keep.journal_sync import Sync

__all__ = ["Entry", "Journal", "Reader", "last_seq", "read"]

SEGMENT_BYTES = 64 * 1024 * 1024
RENEW_SECONDS = 1.0
"""So long after a disk refused a new segment it is not asked again, and appends fail at once."""


class Journal:
    """The one writer of a journal; a second writer is refused. For one thread."""

    def __init__(
        self,
        folder: Path,
        segment_bytes: int = SEGMENT_BYTES,
        sync_ms: float | None = None,
        stall_ms: float = float("inf"),
    ) -> None:
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._is_torn = False
        self._renew_at = -float("inf")
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            present = segments(folder) or [segment(folder, 1)]
            self._file = _open(present[-1])
            self._size, self.last_seq = whole(present[-1])
            self._cut()
            if sync_ms is not None:
                self._sync_what_a_kill_left(present)
        except BlockingIOError as error:
            os.close(self._lock)
            raise BusyError(f"journal {folder.name}: another process writes it") from error
        except OSError:
            os.close(self._lock)
            raise
        self.sync = Sync(folder, sync_ms, stall_ms, self._file, self.last_seq)

    def append(self, entries: Sequence[dict[str, Any]]) -> int:
        """Write all `entries` in one call to the kernel; returns the last one's number.

        Raises OSError when the disk is full; then none of them is written, also for a reader. Also
        raises OSError when the disk fails to sync (EIO): with `sync_ms` 0 they are then written
        and read all the same, otherwise not. And raises OSError (ETIMEDOUT) while the disk is stuck
        (see `journal_sync`); then none of them is written.
        """
        lines = memoryview(encode(self.last_seq + 1, entries))
        self.sync.must_keep_up()
        if self.sync.failed is not None:
            self._renew()
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
        self.sync.wrote(self._file, self.last_seq)
        return self.last_seq

    def close(self) -> None:
        """Sync what is left, and free the journal for another writer."""
        self.sync.close()
        os.close(self._file)
        os.close(self._lock)
        self._file = -1  # an append that comes too late must not meet another file's number

    def _cut(self) -> None:
        """Take away what is not a whole append. Needs no space on the disk."""
        os.ftruncate(self._file, self._size)
        self._is_torn = False

    def _next_segment(self) -> None:
        following = _open(segment(self.folder, self.last_seq + 1))  # may fail: then nothing changes
        self.sync.moved(following)
        self._file, self._size = following, 0

    def _renew(self) -> None:
        """Go on in a new segment after a failed sync, once the disk takes one."""
        if time.monotonic() < self._renew_at:
            raise OSError(errno.EIO, "the disk does not sync")
        self._renew_at = time.monotonic() + RENEW_SECONDS
        if self._is_torn:
            self._cut()
        path = segment(self.folder, self.last_seq + 1)
        following = _open(path)
        try:
            self.sync.renewed(following)
        except OSError:
            os.close(following)
            path.unlink()
            raise
        self._file, self._size, self._renew_at = following, 0, -float("inf")

    def _sync_what_a_kill_left(self, present: Sequence[Path]) -> None:
        """A killed writer's last appends may not be on the disk yet."""
        for path in present[-2:]:
            descriptor = _open(path)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def last_seq(folder: Path) -> int:
    """The number of the last entry of a journal; 0 when it has none."""
    present = segments(folder)
    return whole(present[-1])[1] if present else 0


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
