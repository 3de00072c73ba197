"""Killed, crowded, full: whatever happens, a partition is whole or not there."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from perennial.errors import UnavailableError

DAYS = [f"2013-03-{day:02d}" for day in range(1, 11)]

PRELUDE = """
import os, signal, sys, threading
from pathlib import Path
import pyarrow.parquet as pq
from perennial.declare.project import Project
from perennial.keep import files, partitions
from perennial.land import land, quarantine, ledger

counted, guard = [0], threading.Lock()

def dies_at(owner, name, number, after=False):
    real = getattr(owner, name)
    def wrapped(*arguments, **named):
        with guard:
            counted[0] += 1
            is_time = counted[0] == number
        if is_time and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **named)
        if is_time:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, wrapped)
"""

RUN = f"land('orders', {DAYS[0]!r}, {'2013-03-11'!r}, project=Project(Path(sys.argv[1])))"


def script(shop: Any, body: str) -> list[str]:
    """The command of a process of its own that does `body` and then lands ten days."""
    return [sys.executable, "-c", f"{PRELUDE}\n{textwrap.dedent(body)}\n{RUN}", str(shop.root)]


def start(shop: Any, body: str = "") -> subprocess.Popen[bytes]:
    """Start such a process."""
    return subprocess.Popen(script(shop, body), stderr=subprocess.PIPE)


def ten_days(shop: Any, amount: float, *more: str) -> None:
    """Deliver a hundred orders a day, each with this amount."""
    shop.deliver(
        "orders.csv",
        *(shop.order(1000 * n + i, day, amount) for n, day in enumerate(DAYS) for i in range(100)),
        *more,
    )


def amounts(shop: Any) -> list[set[float]]:
    """Per day that lies there, the amounts that a reader finds; each day must be whole."""
    found = []
    for path in sorted(shop.table.glob("day=*/*")):
        assert path.name == "part-0.parquet"
        table = pq.ParquetFile(path).read()
        assert table.num_rows == 100
        found.append(set(table["amount"].to_pylist()))
    return found


CRASHES = {
    "while the quarantine is written": "dies_at(quarantine.partitions, 'publish', 1)",
    "before the first partition is written": "dies_at(partitions, 'write', 2)",
    "in the middle of writing": "dies_at(pq, 'write_table', 5)",
    "after writing, before any is published": "dies_at(partitions, 'publish_files', 1)",
    "before a rename": "dies_at(os, 'replace', 4)",
    "after a rename": "dies_at(os, 'replace', 4, after=True)",
    "before the ledger": "dies_at(ledger, 'replace_text', 1)",
    "after the ledger": "dies_at(ledger, 'replace_text', 1, after=True)",
}


@pytest.mark.slow
@pytest.mark.parametrize("crash", CRASHES)
def test_kill_9_leaves_all_or_nothing_and_the_next_run_completes(shop: Any, crash: str) -> None:
    ten_days(shop, 1.0)
    shop.land(DAYS[0], "2013-03-11")
    ten_days(shop, 2.0, "bad\n")
    dying = start(shop, CRASHES[crash])
    while dying.poll() is None:
        time.sleep(0.01)
        assert all(each in ({1.0}, {2.0}) for each in amounts(shop))
    assert dying.stderr is not None
    dying.stderr.close()
    assert dying.returncode == -signal.SIGKILL
    assert len(amounts(shop)) == 10
    shop.land(DAYS[0], "2013-03-11")
    assert amounts(shop) == [{2.0}] * 10
    assert not list((shop.project.lake / ".aside").iterdir())  # swept
    assert [row["text"] for row in shop.quarantined()] == ["bad"]
    completed = shop.everything()
    shop.land(DAYS[0], "2013-03-11")
    assert shop.everything() == completed


@pytest.mark.slow
def test_two_processes_that_land_the_same_days_at_once_leave_one_result(shop: Any) -> None:
    ten_days(shop, 1.0, "bad\n")
    running = [start(shop) for _ in range(3)]
    for process in running:
        _, said = process.communicate()
        assert (process.returncode, said.decode()) == (0, "")
    at_once = shop.everything()
    assert amounts(shop) == [{1.0}] * 10
    shop.land(DAYS[0], "2013-03-11")
    assert shop.everything() == at_once


def test_two_threads_that_land_at_once_leave_one_result(shop: Any) -> None:
    shop.deliver("orders.csv", *(shop.order(n, DAYS[0]) for n in range(100)), "bad\n")
    reports: list[Any] = []
    threads = [threading.Thread(target=lambda: reports.append(shop.land())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 3
    assert reports[0] == reports[1] == reports[2]
    assert len(shop.quarantined()) == 1


@pytest.mark.parametrize("step", ["unpack", "quarantine", "write", "flush", "rename", "ledger"])
def test_a_full_disk_publishes_nothing_half(
    shop: Any, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perennial.keep import partitions
    from perennial.land import folders, ledger, quarantine

    shop.deliver("orders.csv", *(shop.order(n, DAYS[0], 1.0) for n in range(10)))
    shop.land()
    shop.deliver("orders.csv", *(shop.order(n, DAYS[0], 2.0) for n in range(10)), "bad\n")

    def full(*arguments: Any, **named: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    owner, name = {
        "unpack": (folders, "unpack"),
        "quarantine": (quarantine.partitions, "publish"),
        "write": (pq, "write_table"),
        "flush": (partitions, "_flush"),
        "rename": (os, "replace"),
        "ledger": (ledger, "replace_text"),
    }[step]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, full)
        with pytest.raises(UnavailableError, match="No space left on device"):
            shop.land()
    assert {row["amount"] for row in shop.rows()} == ({2.0} if step == "ledger" else {1.0})
    assert not list((shop.project.lake / ".aside").iterdir())
    shop.land()
    assert {row["amount"] for row in shop.rows()} == {2.0}
    assert [row["text"] for row in shop.quarantined()] == ["bad"]


def test_a_file_size_limit_publishes_nothing_half(shop: Any) -> None:
    shop.deliver("orders.csv", *(shop.order(n, DAYS[0], 1.0) for n in range(10)))
    shop.land()
    before = shop.everything()
    shop.deliver(
        "orders.csv",
        *(shop.order(n, DAYS[0], n / 7, note=os.urandom(20).hex()) for n in range(3000)),
    )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        with pytest.raises(UnavailableError, match="File too large"):
            shop.land()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert shop.everything() == before
    assert shop.land().n_landed == 3000


def test_a_read_only_lake_is_unavailable_and_named(shop: Any, tmp_path: Path) -> None:
    shop.deliver("orders.csv", shop.order(1, DAYS[0]))
    (shop.root / "data/lake").mkdir()
    (shop.root / "data/lake/.aside").write_text("a file where a folder must be")
    with pytest.raises(UnavailableError, match=r"orders: the disk .*data/lake/\.aside"):
        shop.land()


def test_what_another_process_left_aside_is_swept(shop: Any) -> None:
    left = shop.project.lake / ".aside" / "999999-deadbeef"
    left.mkdir(parents=True)
    (left / "half.parquet").write_bytes(b"PAR1")
    shop.deliver("orders.csv", shop.order(1, DAYS[0]))
    shop.land()
    assert not left.exists()


def test_a_damaged_ledger_says_what_to_do(shop: Any) -> None:
    from perennial.errors import IntegrityError
    from perennial.land.ledger import path_of

    shop.deliver("orders.csv", shop.order(1, DAYS[0]))
    shop.land()
    before = shop.everything()
    path_of(shop.project, "orders").write_text("{")
    with pytest.raises(IntegrityError, match=r"var/state/land/orders\.json.*land again"):
        shop.land()
    path_of(shop.project, "orders").unlink()
    shop.land()
    assert shop.everything() == before
