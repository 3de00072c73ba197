"""Row 36 for the marts: a lake that is full at any step keeps every day that it had."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from perennial.errors import UnavailableError
from perennial.layer import layer

from .harbour import Harbour, day, period

pytestmark = [pytest.mark.faults, pytest.mark.slow]

PAGE = 4096


@pytest.fixture
def harbour(tmp_path: Path) -> Iterator[Harbour]:
    """The project with its lake on a small disk of its own."""
    lake = tmp_path / "data" / "lake"
    lake.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(lake)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    yield Harbour(tmp_path)
    subprocess.run(["umount", "--lazy", str(lake)], check=True)


def fill(lake: Path, n_free: int) -> Path:
    """Leave so many pages of the disk free; the file that takes the others."""
    ballast = lake / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(PAGE))
    os.truncate(ballast, ballast.stat().st_size - n_free * PAGE)
    return ballast


def test_a_lake_that_is_full_at_any_mart_publishes_nothing(harbour: Harbour) -> None:
    harbour.moor(day(0), ("Ada", 10.0), ("Bea", 5.0))
    layer(*period(0, 1), project=harbour.project)
    before = harbour.lie()
    assert before
    harbour.moor(day(0), ("Ada", 11.0), ("Bea", 6.0))
    harbour.moor(day(1), ("Cleo", 1.0))
    for n_free in (0, 2, 4):  # full at the first mart, at the second, at the last
        ballast = fill(harbour.project.lake, n_free)
        with pytest.raises(UnavailableError, match="No space left on device"):
            layer(*period(0, 2), project=harbour.project)
        ballast.unlink()
        assert harbour.lie() == before
    layer(*period(0, 2), project=harbour.project)
    assert harbour.lie() != before
