"""Servers that outlived their supervisor: found by a mark in their environment, and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from perennial.declare.project import Project
from perennial.errors import UnavailableError

MARK = "PERENNIAL_SUPERVISED"
SECONDS = 10.0


def mark(project: Project) -> dict[str, str]:
    """What the supervisor puts into the environment of all that it starts.

    Libraries that change the title of their process write over its environment, the mark with it,
    unless they are told not to.
    """
    return {MARK: str(project.root), "SPT_NOENV": "1"}


def find(project: Project) -> list[int]:
    """The living processes that a supervisor of this project has started."""
    wanted = f"{MARK}={project.root}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is another user's
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return sorted(pid for pid in found if pid != os.getpid())  # a caller may have the mark itself


def stop(project: Project, seconds: float = SECONDS) -> int:
    """Stop them all, kindly first; how many there were.

    Raises `UnavailableError` for those that not even SIGKILL ends within as long again.
    """
    there = find(project)
    number, deadline = signal.SIGTERM, time.monotonic() + seconds
    left = there
    while left:
        for pid in left:
            send(pid, number)
        time.sleep(0.05)
        left = find(project)
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        if left and time.monotonic() > deadline + seconds:
            raise UnavailableError(f"processes {left} of this project do not end")
    return len(there)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may just have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
