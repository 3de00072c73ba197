"""Locks between processes of one machine, freed by the kernel when their holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perennial.errors import BusyError
from perennial.keep import full_disk


@contextmanager
def exclusive(folder: Path, name: str, wait_seconds: float = 60.0) -> Iterator[None]:
    """Hold the lock `name` below `folder`, or raise `BusyError` after `wait_seconds`.

    The lock is an advisory `flock`: a killed holder frees it, so there is nothing to clean up.
    Raises `UnavailableError` when the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    deadline = time.monotonic() + wait_seconds
    with path.open("a+") as file:
        while not _taken(file.fileno()):
            if time.monotonic() >= deadline:
                file.seek(0)
                raise BusyError(
                    f"{name}: wanted within {wait_seconds:g} s, but process "
                    f"{file.read().strip() or 'unknown'} still holds {path.name}"
                )
            time.sleep(0.02)
        file.truncate(0)
        with full_disk.told(f"the lock {name}"):  # at once: nothing is left to write when it closes
            os.write(file.fileno(), str(os.getpid()).encode())
        yield


def is_held(folder: Path, name: str) -> bool:
    """Whether some process holds the lock now."""
    try:
        file = (folder / f"{name}.lock").open("rb")
    except FileNotFoundError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def last_holder(folder: Path, name: str) -> int | None:
    """The process that took the lock last; it may be gone."""
    try:
        return int((folder / f"{name}.lock").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
