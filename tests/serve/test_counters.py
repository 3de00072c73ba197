"""Counters have their space before the disk is full."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perennial.errors import UnavailableError
from perennial.serve.counters import KINDS, RESERVED_BYTES, reserve

COUNTS = """
import os, sys
from pathlib import Path
if sys.argv[2] == "reserved":
    from perennial.serve.counters import reserve
    reserve(Path(sys.argv[1]), os.getpid())
os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, multiprocess
counter = Counter("asked", "Questions.", ["who"])
gauge = Gauge("weight", "A share.", ["who"], multiprocess_mode="mostrecent")
ballast = os.open(Path(sys.argv[1]) / "ballast", os.O_CREAT | os.O_WRONLY)
try:
    while True:
        os.write(ballast, bytes(4096))
except OSError as error:
    print(error.strerror)
for who in range(3000):
    counter.labels(f"{who:050d}").inc()
    gauge.labels(f"{who:050d}").set(who)
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
print(generate_latest(registry).count(b"asked_total{"))
"""


def test_the_space_of_all_counters_is_taken(tmp_path: Path) -> None:
    reserve(tmp_path, 7)
    assert {path.name for path in tmp_path.iterdir()} == {f"{kind}_7.db" for kind in KINDS}
    for path in tmp_path.iterdir():
        assert path.stat().st_blocks * 512 >= path.stat().st_size == RESERVED_BYTES


def test_a_disk_without_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UnavailableError, match="no room for the server's counters"):
        reserve(tmp_path, 7)


@pytest.mark.faults
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_server_goes_on_counting_on_a_full_disk(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        for how in ("reserved", "not"):
            child = subprocess.run(
                [sys.executable, "-c", COUNTS, str(tmp_path), how], capture_output=True, text=True
            )
            if how == "reserved":
                assert child.stdout.split("\n")[:2] == ["No space left on device", "3000"]
            else:
                assert child.returncode < 0, "this is what the space is taken for"
            for path in tmp_path.iterdir():
                path.unlink()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
