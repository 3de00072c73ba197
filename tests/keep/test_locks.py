"""Locks between processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from perennial.errors import BusyError
from perennial.keep.locks import exclusive, is_held, last_holder

HOLD = (
    "import sys, time; from pathlib import Path; from perennial.keep.locks import exclusive\n"
    "with exclusive(Path(sys.argv[1]), 'land-orders'):\n"
    "    print('held', flush=True); time.sleep(60)\n"
)


def test_a_lock_that_is_held_is_busy_and_names_its_holder(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path, "land-orders"),
        pytest.raises(BusyError, match=rf"land-orders: .*0\.05 s, but process {os.getpid()} still"),
        exclusive(tmp_path, "land-orders", wait_seconds=0.05),
    ):
        pass


def test_other_names_are_other_locks(tmp_path: Path) -> None:
    with exclusive(tmp_path, "land-orders"), exclusive(tmp_path, "land-bills", wait_seconds=0):
        pass


def test_a_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), exclusive(tmp_path, "land-orders"):
        raise RuntimeError
    with exclusive(tmp_path, "land-orders", wait_seconds=0):
        pass


def test_a_killed_holder_frees_its_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(BusyError, match=f"process {holder.pid} still holds"),
            exclusive(tmp_path, "land-orders", wait_seconds=0),
        ):
            pass
        assert is_held(tmp_path, "land-orders")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert not is_held(tmp_path, "land-orders")
    assert last_holder(tmp_path, "land-orders") == holder.pid
    with exclusive(tmp_path, "land-orders", wait_seconds=0):
        pass


def test_a_lock_that_nobody_ever_took_is_not_held(tmp_path: Path) -> None:
    assert not is_held(tmp_path, "land-orders")
    assert last_holder(tmp_path, "land-orders") is None


def test_the_waiting_one_gets_it_when_the_holder_is_done(tmp_path: Path) -> None:
    inside: list[str] = []

    def work(name: str) -> None:
        with exclusive(tmp_path, "land-orders", wait_seconds=10):
            inside.append(f"{name} in")
            time.sleep(0.05)
            inside.append(f"{name} out")

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.split()[0] for each in inside[::2]] == [each.split()[0] for each in inside[1::2]]
    assert len(inside) == 10
