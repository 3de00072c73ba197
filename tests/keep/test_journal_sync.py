"""What a power failure may cost, and what a disk that fails or is full does to a journal."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perennial.keep import journal as journal_module
from perennial.keep.journal import Journal, Reader, read

BROKEN = OSError(errno.EIO, "input/output error")

FULL = """
import resource, signal, sys
from pathlib import Path
from perennial.keep.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
journal = Journal(Path(sys.argv[1]), sync_ms=0)
for n in range(40):
    try:
        print(journal.append([{"n": n}, {"n": n}]), flush=True)
    except OSError:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
"""


def numbers(folder: Path) -> list[Any]:
    return [entry.content["n"] for entry in read(folder)]


def until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Disk:
    """Counts syncs, and lets those that are told fail."""

    def __init__(self, patch: pytest.MonkeyPatch, fails: Callable[[int], bool]) -> None:
        self.n, self.fails, self.is_broken = 0, fails, False
        self.threads: set[int] = set()
        for name in ("fsync", "fdatasync"):
            patch.setattr(os, name, self._around(getattr(os, name)))

    def _around(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def sync(descriptor: int) -> None:
            self.n += 1
            self.threads.add(threading.get_ident())
            if self.is_broken or self.fails(self.n):
                raise BROKEN
            real(descriptor)

        return sync


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch, lambda n: False)


def test_without_a_bound_nothing_is_synced(tmp_path: Path, disk: Disk) -> None:
    journal = Journal(tmp_path, segment_bytes=10)
    for n in range(5):
        journal.append([{"n": n}])
    journal.close()
    assert disk.n == 0
    assert journal.sync.synced_seq == 0


def test_a_bound_of_zero_syncs_before_each_append_returns(tmp_path: Path, disk: Disk) -> None:
    journal = Journal(tmp_path, segment_bytes=10, sync_ms=0)
    for n in range(10):
        before = disk.n
        assert journal.append([{"n": n}]) == journal.sync.synced_seq
        assert disk.n > before
    assert disk.threads == {threading.get_ident()}
    journal.close()


@pytest.mark.parametrize("segment_bytes", [1000, 10])
def test_what_grew_is_on_the_disk_soon_by_another_thread(
    tmp_path: Path, disk: Disk, segment_bytes: int
) -> None:
    journal = Journal(tmp_path, segment_bytes=segment_bytes, sync_ms=5)
    disk.threads.clear()
    for n in range(20):
        seq = journal.append([{"n": n}])
        if n % 5 == 0:
            until(lambda seq=seq: journal.sync.synced_seq >= seq)  # type: ignore[misc]
    until(lambda: journal.sync.synced_seq == 20)
    assert threading.get_ident() not in disk.threads
    n_syncs = disk.n
    until(lambda: not journal.sync._grew.is_set())
    assert disk.n == n_syncs, "nothing is synced while nothing grows"
    journal.close()


def test_syncs_of_a_busy_journal_are_as_few_as_its_bound_allows(tmp_path: Path, disk: Disk) -> None:
    journal = Journal(tmp_path, sync_ms=50)
    begun, before = time.monotonic(), disk.n
    for n in range(2000):
        journal.append([{"n": n}])
    journal.close()
    assert disk.n - before <= 2 * (time.monotonic() - begun) / 0.050 + 4
    assert journal.sync.synced_seq == 2000


def test_closing_syncs_what_is_left(tmp_path: Path) -> None:
    journal = Journal(tmp_path, sync_ms=60_000)
    for n in range(3):
        journal.append([{"n": n}])
    journal.close()
    assert journal.sync.synced_seq == 3
    with pytest.raises(OSError, match="Bad file"):
        journal.append([{"n": 3}])


def test_a_new_segment_s_name_is_synced_before_its_entries_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "fdatasync", note)
    journal = Journal(tmp_path, segment_bytes=10, sync_ms=0)
    for n in range(3):
        journal.append([{"n": n}])
    first, *others = [str(each) for each in sorted(tmp_path.glob("*.jsonl"))]
    second, third = others
    folder = str(tmp_path)
    assert synced == [first, folder, first, first, folder, second, second, folder, third]
    journal.close()


def test_a_killed_writer_s_last_entries_are_synced_when_the_next_one_opens(
    tmp_path: Path, disk: Disk
) -> None:
    journal = Journal(tmp_path, segment_bytes=10)
    for n in range(3):
        journal.append([{"n": n}])
    journal.close()
    reopened = Journal(tmp_path, sync_ms=60_000)
    assert disk.n == 2
    assert reopened.sync.synced_seq == 3
    reopened.close()


def test_a_failed_sync_is_told_and_never_tried_again_on_the_same_file(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path, sync_ms=1)
    journal.append([{"n": 0}])
    until(lambda: journal.sync.synced_seq == 1)
    disk.is_broken = True
    journal.append([{"n": 1}])
    until(lambda: journal.sync.failed is not None)
    n_syncs = disk.n
    until(lambda: not journal.sync._grew.is_set())
    assert disk.n == n_syncs
    assert "the disk did not take entries 2 and later" in caplog.text
    disk.is_broken = False
    journal.append([{"n": 2}])
    assert "entries 2 to 2 may not survive a power failure" in caplog.text
    until(lambda: journal.sync.synced_seq == 3)
    assert [path.name for path in sorted(tmp_path.glob("*.jsonl"))] == [
        f"{1:020d}.jsonl",
        f"{3:020d}.jsonl",
    ]
    assert numbers(tmp_path) == [0, 1, 2]
    assert journal.sync.n_failed == 1
    journal.close()


def test_while_no_segment_can_be_synced_nothing_is_accepted(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, sync_ms=1)
    reader = Reader(tmp_path)
    disk.is_broken = True
    journal.append([{"n": 0}])
    until(lambda: journal.sync.failed is not None)
    for _ in range(50):
        with pytest.raises(OSError, match=r"input/output|does not sync"):
            journal.append([{"n": 1}])
    assert disk.n < 15, "a broken disk is asked once a second"
    assert len(list(tmp_path.glob("*.jsonl"))) == 1
    disk.is_broken = False
    monkeypatch.setattr(journal_module, "RENEW_SECONDS", 0.0)
    journal._renew_at = 0.0
    assert journal.append([{"n": 2}]) == 2
    assert [entry.content["n"] for entry in reader.poll()] == [0, 2]
    assert reader.n_missing == 0
    journal.close()


def append_until_refused(journal: Journal, why: str) -> float:
    """Append until the disk is too late; when the last accepted append was begun."""
    accepted, refused = -float("inf"), None
    while refused is None:
        asked = time.monotonic()
        try:
            journal.append([{"n": journal.last_seq}])
            accepted = asked
        except OSError as error:
            refused = error
    assert (refused.errno, refused.strerror) == (errno.ETIMEDOUT, why)
    return accepted


def test_a_stuck_disk_sheds_within_its_bound_and_goes_on_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    goes_on = threading.Semaphore(0)
    real = os.fdatasync

    def stuck(descriptor: int) -> None:
        assert goes_on.acquire(timeout=20)
        real(descriptor)

    journal = Journal(tmp_path, sync_ms=1, stall_ms=300)
    journal.append([{"n": 0}])
    until(lambda: journal.sync.synced_seq == 1)
    monkeypatch.setattr(os, "fdatasync", stuck)
    journal.append([{"n": 1}])
    begun = time.monotonic()
    until(lambda: journal.sync._under_way_since is not None)
    last = append_until_refused(journal, "the disk has not synced for more than 0.3 s")
    assert begun < last < begun + 0.302
    n = journal.last_seq
    goes_on.release()
    until(lambda: journal.sync.synced_seq > 1)
    with pytest.raises(OSError, match="has not synced"):
        journal.append([{"n": "what came during the first sync waits for the second"}])
    assert caplog.text.count("has not taken entries") == 1
    monkeypatch.setattr(os, "fdatasync", real)
    goes_on.release()
    until(lambda: journal.sync.synced_seq == n)
    until(lambda: "has taken everything again" in caplog.text)
    assert journal.append([{"n": n}]) == n + 1
    assert numbers(tmp_path) == [*range(n + 1)]
    assert journal.sync.n_failed == 0
    journal.close()


def test_what_a_stuck_disk_fails_in_the_end_is_a_failure_as_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    real = os.fdatasync

    def stuck_and_broken(descriptor: int) -> None:
        assert goes_on.wait(20)
        raise BROKEN

    journal = Journal(tmp_path, sync_ms=1, stall_ms=20)
    monkeypatch.setattr(os, "fdatasync", stuck_and_broken)
    journal.append([{"n": 0}])
    until(lambda: journal.sync._under_way_since is not None)
    append_until_refused(journal, "the disk has not synced for more than 0.02 s")
    goes_on.set()
    until(lambda: journal.sync.failed is not None)
    monkeypatch.setattr(os, "fdatasync", real)
    n = journal.last_seq
    assert journal.append([{"n": n}]) == n + 1, "in a new segment"
    until(lambda: journal.sync.synced_seq == n + 1)
    assert numbers(tmp_path) == [*range(n + 1)]
    journal.close()


def test_an_append_that_could_not_be_synced_at_once_is_not_acknowledged(
    tmp_path: Path, disk: Disk
) -> None:
    journal = Journal(tmp_path, sync_ms=0)
    journal.append([{"n": 0}])
    disk.is_broken = True
    with pytest.raises(OSError, match="input/output"):
        journal.append([{"n": 1}])
    disk.is_broken = False
    assert journal.append([{"n": 2}]) == 3
    assert numbers(tmp_path) == [0, 1, 2], "it was written, which only an answer's absence tells"
    journal.close()


@pytest.mark.parametrize("k", range(1, 25))
@pytest.mark.parametrize("sync_ms", [0, None])
def test_no_room_at_the_kth_call_loses_nothing_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, k: int, sync_ms: float | None
) -> None:
    """Every write, every cut and every new segment fails once, for every k."""
    n_calls = 0

    def around(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            nonlocal n_calls
            n_calls += 1
            if n_calls == k:
                raise OSError(errno.ENOSPC, "no space left on device")
            return real(*given)

        return call

    journal = Journal(tmp_path, segment_bytes=60, sync_ms=sync_ms)
    acknowledged, refused = [], set()
    with monkeypatch.context() as patch:
        for name in ("open", "ftruncate", "fsync", "fdatasync"):
            patch.setattr(os, name, around(getattr(os, name)))
        patch.setattr(os, "write", _in_small_pieces(around(os.write)))
        for n in range(9):
            try:
                journal.append([{"n": n}, {"n": n}])
                acknowledged.append(n)
            except OSError as error:
                refused.add(error.errno)
    assert refused <= {errno.ENOSPC, errno.EIO}
    journal.close()
    found = numbers(tmp_path)
    assert found[::2] == found[1::2], "whole appends only"
    assert set(acknowledged) <= set(found[::2])
    assert len(acknowledged) >= 8, "it goes on as soon as there is room"
    assert len(found) == len(set(found)) * 2
    assert [entry.seq for entry in read(tmp_path)] == [*range(1, len(found) + 1)]


def _in_small_pieces(write: Callable[..., int]) -> Callable[..., int]:
    def some(descriptor: int, content: Any) -> int:
        return write(descriptor, content[:25])

    return some


@pytest.mark.parametrize("size", [0, 30, 100, 333])
def test_a_process_whose_files_may_not_grow_sheds_and_goes_on(tmp_path: Path, size: int) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), str(size)], capture_output=True, check=True
    ).stdout.split()
    found = numbers(tmp_path)
    assert len(told) == 39
    assert found == sorted(found)
    assert int(told[-1]) == len(found) == 78


def fill(journal: Journal) -> None:
    for n in range(5000):
        journal.append([{"n": n, "fill": "x" * 300}])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_small_disk_that_fills_up_and_is_freed(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        (small / "ballast").write_bytes(bytes(100_000))
        journal = Journal(small / "journal", sync_ms=5)
        with pytest.raises(OSError, match="No space"):
            fill(journal)
        n = journal.last_seq
        assert n > 100
        (small / "ballast").unlink()
        assert journal.append([{"n": n}]) == n + 1
        assert numbers(small / "journal") == [*range(n + 1)]
        until(lambda: journal.sync.synced_seq == n + 1)
        journal.close()
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_gap_is_counted_by_whoever_follows(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=10)
    reader = Reader(tmp_path)
    journal.append([{"n": 0}])
    assert len(reader.poll()) == 1
    for n in range(1, 6):
        journal.append([{"n": n}])
    for path in sorted(tmp_path.glob("*.jsonl"))[1:4]:
        path.unlink()
    assert [entry.content["n"] for entry in reader.poll()] == [4, 5]
    assert reader.n_missing == 3
    assert Reader(tmp_path).poll()[0].seq == 1
    late = Reader(tmp_path, after=2)
    late.poll()
    assert late.n_missing == 2
    journal.close()


def test_a_segment_that_is_put_away_while_reading_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, segment_bytes=10)
    for n in range(4):
        journal.append([{"n": n}])
    reader = Reader(tmp_path)
    listed = sorted(tmp_path.glob("*.jsonl"))
    listed[1].unlink()
    monkeypatch.setattr("perennial.keep.journal_reader.segments", lambda _: listed)
    assert [entry.content["n"] for entry in reader.poll()] == [0, 2, 3]
    assert reader.n_missing == 1
    journal.close()


def test_readers_follow_a_writer_through_segments_and_syncs(tmp_path: Path) -> None:
    """A writer's thread, its syncs and a reader at the same time."""
    journal = Journal(tmp_path, segment_bytes=2_000, sync_ms=1)
    n_entries = 3000

    def write() -> None:
        for n in range(n_entries):
            journal.append([{"n": n, "fill": "x" * 50}])

    writer = threading.Thread(target=write)
    reader = Reader(tmp_path)
    found: list[int] = []
    writer.start()
    deadline = time.monotonic() + 60
    while len(found) < n_entries:
        assert time.monotonic() < deadline
        found += [entry.content["n"] for entry in reader.poll(limit=100)]
    writer.join()
    assert found == [*range(n_entries)]
    assert (reader.n_torn, reader.n_missing) == (0, 0)
    journal.close()
    assert journal.sync.synced_seq == n_entries


def test_clocks_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(1_700_000_000, 0, -86_400))
    monkeypatch.setattr(time, "time", lambda: float(next(moments)))
    journal = Journal(tmp_path, segment_bytes=10, sync_ms=1)
    for n in range(10):
        journal.append([{"n": n}])
        os.utime(max(tmp_path.glob("*.jsonl")), (time.time(), time.time()))
    until(lambda: journal.sync.synced_seq == 10)
    assert numbers(tmp_path) == [*range(10)]
    journal.close()
    Journal(tmp_path, sync_ms=1).close()
