"""Folders aside: where a writer works until what it writes is whole.

They lie below `data/lake/.aside/`, on the lake's own file system, so that what is finished can be
renamed to its place. A writer holds a lock on its folder for as long as it lives; the kernel frees
it when the writer dies, and the next writer sweeps the folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def aside(lake: Path) -> Iterator[Path]:
    """A private folder on the lake's file system that no reader looks into; gone afterwards."""
    sweep(lake)
    folder, held = _made(lake / ".aside")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def sweep(lake: Path) -> list[str]:
    """Remove what writers that no longer run left aside; returns the folders' names."""
    swept = []
    for folder in sorted((lake / ".aside").glob("*-*")):
        held = _locked(folder)
        if held is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)
            swept.append(folder.name)
    return swept


def _made(parent: Path) -> tuple[Path, int]:
    while True:
        folder = parent / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        held = _locked(folder)
        if held is not None:
            if folder.exists():
                return folder, held
            os.close(held)  # swept in the instant before it was locked


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None when another holds it or it is gone."""
    try:
        held = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    return held
