"""When what a journal holds reaches the disk itself, and what is done when it cannot.

What was appended is in the kernel's hands: a kill loses nothing. A power failure loses what the
disk does not have yet, so that is brought there at least every `sync_ms` (group commit: one call
for all that was appended meanwhile), in a thread of its own.

A disk that is stuck does not fail: its sync just does not end. Once an entry has waited for the
disk longer than `sync_ms` and `stall_ms` together nothing more is accepted until it is there, since
all that would be acknowledged meanwhile is what a power failure takes away.

A sync that failed is never tried again on the same file: Linux forgets which pages it could not
write, so that the next call would succeed without them (Rebello et al., "Can Applications Recover
from fsync Failures?", USENIX ATC 2020). It is told, and the journal goes on in a new segment.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

JOIN_SECONDS = 10.0


class Sync:
    """Brings one journal to the disk.

    `sync_ms` above 0: at least so often while it grows; 0: before each append returns; None: never,
    for those who can write their journal again. `stall_ms`: see the head of this file.
    """

    def __init__(
        self, folder: Path, sync_ms: float | None, stall_ms: float, descriptor: int, seq: int
    ) -> None:
        self.synced_seq = seq if sync_ms is not None else 0
        self.n_failed = 0
        self.failed: OSError | None = None
        """Why the present segment is not trusted any more; None while it is."""
        self._folder, self._sync_ms, self._stall_ms = folder, sync_ms, stall_ms
        self._under_way_since: float | None = None
        """When the oldest entry came that the present sync is to bring to the disk."""
        self._waiting_since: float | None = None
        """When the oldest entry came that waits for the next sync."""
        self._is_late = False
        self._at = descriptor, seq
        self._left: list[int] = []
        self._is_new = True
        self._lock = threading.Lock()
        self._grew, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def must_keep_up(self) -> None:
        """Raise OSError while the oldest entry waits for the disk for longer than is allowed."""
        since = self._under_way_since or self._waiting_since
        if since is None or not self._sync_ms or self.failed is not None:
            return
        if (time.monotonic() - since) * 1000 <= self._sync_ms + self._stall_ms:
            return
        if not self._is_late:
            self._is_late = True
            logger.error(
                "journal %s: the disk has not taken entries %d and later for %g s; nothing more is "
                "accepted until it does",
                self._folder.name, self.synced_seq + 1, self._stall_ms / 1000,
            )  # fmt: skip
        raise OSError(
            errno.ETIMEDOUT, f"the disk has not synced for more than {self._stall_ms / 1000:g} s"
        )

    def wrote(self, descriptor: int, seq: int) -> None:
        """An append ended with entry `seq`; raises OSError when it has to be synced and cannot."""
        self._at = descriptor, seq
        if self._sync_ms is None:
            return
        if self._sync_ms == 0:
            self.now()
            return
        if self._waiting_since is None:  # after `_at`: a sync that begins between knows the entry
            self._waiting_since = time.monotonic()
        if not self._grew.is_set():
            if self._thread is None:
                self._start()
            self._grew.set()

    def moved(self, descriptor: int) -> None:
        """A new segment begins; the one before is synced too, then closed."""
        with self._lock:
            self._left.append(self._at[0])
            self._at = descriptor, self._at[1]
            self._is_new = True
        if self._sync_ms is None:
            self._close_left()

    def renewed(self, descriptor: int) -> None:
        """A new segment begins after a failure; raises OSError when it cannot be synced either."""
        os.fsync(descriptor)
        _sync_folder(self._folder)
        with self._lock:
            self._left.append(self._at[0])
            unsure, seq = self.synced_seq + 1, self._at[1]
            self._at = descriptor, seq
            self._is_new, self.failed = False, None
            self._under_way_since = self._waiting_since = None
        self._close_left()
        logger.warning(
            "journal %s goes on in a new segment; entries %d to %d may not survive a power failure",
            self._folder.name, unsure, seq,
        )  # fmt: skip

    def now(self) -> None:
        """Sync all that was appended; raises OSError, after which `failed` says so."""
        with self._lock:
            descriptor, seq = self._at
            left, self._left = self._left, []
            is_new, self._is_new = self._is_new, False
            self._under_way_since, self._waiting_since = self._waiting_since, None
        try:
            for each in left:
                os.fdatasync(each)
            if is_new:
                _sync_folder(self._folder)
            os.fdatasync(descriptor)
        except OSError as error:
            self._fail(error)
            raise
        finally:
            _close(left)
        self.synced_seq, self._under_way_since = seq, None
        if self._is_late and self._waiting_since is None:
            self._is_late = False
            logger.warning("journal %s: the disk has taken everything again", self._folder.name)

    def close(self) -> None:
        """Sync what is left, and end the thread; the present segment stays open."""
        self._stop.set()
        self._grew.set()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)
        if self._sync_ms and self.failed is None and self._at[1] > self.synced_seq:
            with suppress(OSError):  # told already
                self.now()
        self._close_left()

    def _close_left(self) -> None:
        with self._lock:
            left, self._left = self._left, []
        _close(left)

    def _start(self) -> None:
        name = f"sync {self._folder.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        assert self._sync_ms is not None
        while self._grew.wait() and not self._stop.is_set():
            began = time.monotonic()
            self._grew.clear()  # before looking: what comes from here on is for the next time
            if self.failed is None:
                with suppress(OSError):  # told, and the next append sees it
                    self.now()
            self._stop.wait(max(0.0, self._sync_ms / 1000 - (time.monotonic() - began)))

    def _fail(self, error: OSError) -> None:
        self.n_failed += 1
        self.failed = error
        logger.error(
            "journal %s: the disk did not take entries %d and later (%s); nothing more is accepted "
            "until it takes a new segment",
            self._folder.name, self.synced_seq + 1, error.strerror,
        )  # fmt: skip


def _sync_folder(folder: Path) -> None:
    """Make the names of new segments last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _close(descriptors: list[int]) -> None:
    for each in descriptors:
        with suppress(OSError):
            os.close(each)
