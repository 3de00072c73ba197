"""A disk that is slow or stuck under a real server: its process finds another `os.fdatasync`.

A `sitecustomize` on the path of the started process puts it there, so that the product needs no
switch that only tests would turn. It also notes how much of a file each sync has brought to the
disk: what a power failure at that moment would have left.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SITECUSTOMIZE = """
import fcntl, os, time
folder, real = os.path.dirname(__file__), os.fdatasync

def fdatasync(descriptor):
    size, path = os.fstat(descriptor).st_size, os.readlink(f"/proc/self/fd/{descriptor}")
    gate = os.open(folder + "/gate", os.O_RDONLY)
    try:
        fcntl.flock(gate, fcntl.LOCK_SH)  # waits for as long as the disk is stuck
        time.sleep(float(os.read(gate, 20) or 0))
        real(descriptor)
    finally:
        os.close(gate)
    note = os.open(folder + "/synced", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(note, f"{time.time()} {size} {path}\\n".encode())
    os.close(note)

os.fdatasync = fdatasync
"""


@dataclass(frozen=True)
class Synced:
    """One sync that ended: at which second of the clock, and what of which file it covers."""

    at: float
    size: int
    path: Path


@dataclass(frozen=True)
class FaultyDisk:
    """Processes that have `folder` on their PYTHONPATH sync by this disk."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
        (self.folder / "gate").write_text("")

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Each sync takes so much longer."""
        (self.folder / "gate").write_text(str(seconds))
        try:
            yield
        finally:
            (self.folder / "gate").write_text("")

    @contextmanager
    def stuck(self) -> Iterator[None]:
        """No sync ends."""
        gate = os.open(self.folder / "gate", os.O_RDWR)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)

    def synced(self, path: Path) -> list[Synced]:
        """The syncs of one file, in order."""
        lines = [each.split(" ", 2) for each in (self.folder / "synced").read_text().splitlines()]
        found = [Synced(float(at), int(size), Path(name)) for at, size, name in lines]
        return [each for each in found if each.path == path]
