from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from perennial.errors import BusyError
from perennial.keep.journal import Entry, Journal, Reader, last_seq, read

WRITER = """
import sys
from pathlib import Path
from perennial.keep.journal import Journal
journal = Journal(Path(sys.argv[1]), segment_bytes=20_000)
print(journal.last_seq, flush=True)
n = 0
while True:
    seq = journal.append([{"n": n, "fill": "x" * 100} for n in range(n, n + 3)])
    n += 3
    print(seq, flush=True)
"""


def numbers(entries: list[Entry] | Iterator[Entry]) -> list[Any]:
    return [entry.content["n"] for entry in entries]


def write(folder: Path, *appends: list[int], segment_bytes: int = 1000) -> None:
    journal = Journal(folder, segment_bytes)
    for each in appends:
        journal.append([{"n": n} for n in each])
    journal.close()


def test_entries_are_read_back_numbered_and_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.append([{"n": 1}]) == 1
    assert journal.append([{"n": 2}, {"n": 3}]) == 3
    assert list(read(tmp_path)) == [Entry(n, {"n": n}) for n in (1, 2, 3)]
    assert last_seq(tmp_path) == journal.last_seq == 3


def test_an_empty_append_writes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.append([]) == 0
    assert list(read(tmp_path)) == []


def test_no_journal_reads_as_nothing(tmp_path: Path) -> None:
    assert list(read(tmp_path / "none")) == []
    assert last_seq(tmp_path / "none") == 0
    assert Reader(tmp_path / "none").poll() == []


@pytest.mark.parametrize("name", ["seq", "more"])
def test_the_journals_own_names_are_refused(tmp_path: Path, name: str) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(ValueError, match=name):
        journal.append([{"n": 1}, {name: 7}])
    assert list(read(tmp_path)) == []


def test_second_writer_is_refused_until_the_first_closes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "events")
    with pytest.raises(BusyError, match="events"):
        Journal(tmp_path / "events")
    journal.close()
    Journal(tmp_path / "events").close()


def test_segments_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    write(tmp_path, *[[n] for n in range(50)], segment_bytes=100)
    segments = sorted(path.name for path in tmp_path.glob("*.jsonl"))
    assert len(segments) > 5
    assert segments[0] == f"{1:020d}.jsonl"
    assert numbers(read(tmp_path)) == list(range(50))
    write(tmp_path, [50], segment_bytes=100)
    assert [entry.seq for entry in read(tmp_path)] == list(range(1, 52))


def test_a_new_segment_without_entries_keeps_the_numbers(tmp_path: Path) -> None:
    write(tmp_path, [0, 1, 2])
    (tmp_path / f"{4:020d}.jsonl").touch()  # killed between opening it and writing into it
    assert last_seq(tmp_path) == 3
    write(tmp_path, [3])
    assert [entry.seq for entry in read(tmp_path)] == [1, 2, 3, 4]


def test_a_cut_append_is_gone_as_a_whole_wherever_it_was_cut(tmp_path: Path) -> None:
    write(tmp_path / "whole", [0], [1, 2])
    before = (tmp_path / "whole" / f"{1:020d}.jsonl").stat().st_size
    write(tmp_path / "whole", [3, 4, 5])
    content = (tmp_path / "whole" / f"{1:020d}.jsonl").read_bytes()
    for size in range(before + 1, len(content)):
        folder = tmp_path / str(size)
        folder.mkdir()
        (folder / f"{1:020d}.jsonl").write_bytes(content[:size])
        reader = Reader(folder)
        assert numbers(reader.poll()) == [0, 1, 2]
        assert last_seq(folder) == 3
        write(folder, [6, 7])
        assert numbers(reader.poll()) == [6, 7]
        assert [entry.seq for entry in read(folder)] == [1, 2, 3, 4, 5]


def test_a_damaged_line_is_counted_and_the_others_are_read(tmp_path: Path) -> None:
    write(tmp_path, [0], [1], [2])
    (segment,) = tmp_path.glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(lines[0] + b'{"seq":2,"n"\n' + lines[2])
    reader = Reader(tmp_path)
    assert numbers(reader.poll()) == [0, 2]
    assert reader.n_torn == 1
    assert reader.poll() == []
    assert reader.n_torn == 1


@pytest.mark.parametrize("line", [b"", b"7", b"null", b"[]", b'{"n":1}', b'{"seq":"x"}', b"\xff\0"])
def test_what_is_no_entry_is_never_read_as_one(tmp_path: Path, line: bytes) -> None:
    (tmp_path / f"{1:020d}.jsonl").write_bytes(line + b"\n" + b'{"seq":2,"n":2}\n')
    assert numbers(read(tmp_path)) == [2]


def test_poll_follows_what_is_written_meanwhile(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    journal = Journal(tmp_path, segment_bytes=60)
    assert reader.poll() == []
    for n in range(20):
        journal.append([{"n": n}])
        assert numbers(reader.poll()) == [n]
        assert reader.poll() == []


def test_reader_starts_after_any_place(tmp_path: Path) -> None:
    write(tmp_path, *[[n] for n in range(1, 31)], segment_bytes=60)
    for after in range(32):
        assert [entry.seq for entry in Reader(tmp_path, after).poll()] == [*range(after + 1, 31)]


def test_poll_stops_at_its_limit_but_not_within_an_append(tmp_path: Path) -> None:
    write(tmp_path, [0], [1, 2, 3], [4])
    reader = Reader(tmp_path)
    assert [numbers(reader.poll(2)) for _ in range(3)] == [[0, 1, 2, 3], [4], []]


def test_reader_is_never_shown_a_half_of_what_the_disk_had_no_room_for(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([{"n": 0}])
    reader = Reader(tmp_path)
    (segment,) = tmp_path.glob("*.jsonl")
    whole = segment.stat().st_size
    shown: list[list[Any]] = []

    def cut(descriptor: int, size: int) -> None:
        shown.append(numbers(reader.poll()))  # the reader looks just before it is taken away
        real_truncate(descriptor, size)

    with full_disk(2 * whole + 15), pytest.MonkeyPatch.context() as patch:
        real_truncate = os.ftruncate
        patch.setattr(os, "ftruncate", cut)
        with pytest.raises(OSError, match="too large"):
            journal.append([{"n": n} for n in range(1, 9)])
    assert shown == [[0]]
    assert segment.stat().st_size == whole
    journal.append([{"n": 9}, {"n": 10}])
    assert numbers(reader.poll()) == [9, 10]
    assert [entry.seq for entry in read(tmp_path)] == [1, 2, 3]


@pytest.mark.parametrize("room", range(0, 200, 7))
def test_full_disk_leaves_nothing_half_and_recovers(tmp_path: Path, room: int) -> None:
    journal = Journal(tmp_path)
    with full_disk(room):
        for _ in range(2):
            with contextlib.suppress(OSError):
                journal.append([{"n": n} for n in range(3)])
    n_written = journal.last_seq
    journal.append([{"n": "after"}])
    assert numbers(read(tmp_path)) == [0, 1, 2] * (n_written // 3) + ["after"]
    assert [entry.seq for entry in read(tmp_path)] == [*range(1, n_written + 2)]


def test_a_cut_that_fails_is_made_up_for_by_the_next_append(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)

    def broken(*_: Any) -> None:
        raise OSError(errno.EIO, "input/output error")

    with full_disk(5), monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", broken)
        with pytest.raises(OSError, match="input/output"):
            journal.append([{"n": 0}])
    journal.append([{"n": 1}])
    assert list(read(tmp_path)) == [Entry(1, {"n": 1})]


def test_no_new_segment_while_the_disk_is_full_keeps_the_journal_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, segment_bytes=10)
    journal.append([{"n": 0}])

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        for _ in range(2):
            with pytest.raises(OSError, match="no space"):
                journal.append([{"n": 1}])
    journal.append([{"n": 2}])
    assert numbers(read(tmp_path)) == [0, 2]


def test_a_journal_that_cannot_be_opened_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", broken)
        with pytest.raises(OSError, match="input/output"):
            Journal(tmp_path)
    Journal(tmp_path).close()


def test_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """Kills the writer again and again while it writes, and reads what is left."""
    acknowledged = 0
    for n_lines in (40, 1, 200, 3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE
        )
        with writer:
            assert writer.stdout is not None
            assert int(writer.stdout.readline()) >= acknowledged
            for _ in range(n_lines):
                acknowledged = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
        entries = list(read(tmp_path))
        assert [entry.seq for entry in entries] == [*range(1, len(entries) + 1)]
        assert len(entries) >= acknowledged
        assert len(entries) % 3 == 0, "what was appended together is there together"
    assert len(list(tmp_path.glob("*.jsonl"))) > 1


class full_disk:  # noqa: N801  # reads as a state, in a with statement
    """Files of this process end at `size` bytes: the write that crosses it is cut, then fails."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __enter__(self) -> None:
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)
        signal.signal(signal.SIGXFSZ, self.handler)


@given(
    appends=st.lists(
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4), max_size=12
    ),
    segment_bytes=st.integers(1, 200),
    limit=st.integers(1, 9),
    after=st.integers(0, 40),
)
@settings(max_examples=60, deadline=None)
def test_any_appends_are_read_whole_in_order_and_once(
    appends: list[list[int]], segment_bytes: int, limit: int, after: int
) -> None:
    with TemporaryDirectory() as name:
        write(Path(name), *appends, segment_bytes=segment_bytes)
        expected = [n for each in appends for n in each]
        assert numbers(read(Path(name))) == expected
        assert last_seq(Path(name)) == len(expected)
        reader, found = Reader(Path(name), after), []
        while entries := reader.poll(limit):
            found += numbers(entries)
        assert found == expected[after:]


class JournalUnderFaults(RuleBasedStateMachine):
    """A journal that is written, cut off, reopened and followed, beside what is true."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.journal: Journal | None = Journal(self.folder, segment_bytes=150)
        self.truth: list[int] = []
        self.reader = Reader(self.folder)
        self.followed: list[int] = []
        self.next = 0

    def _new(self, n: int) -> list[int]:
        self.next += n
        return [*range(self.next - n, self.next)]

    @precondition(lambda self: self.journal is not None)
    @rule(n=st.integers(0, 4))
    def append(self, n: int) -> None:
        assert self.journal is not None
        new = self._new(n)
        self.journal.append([{"n": each} for each in new])
        self.truth += new

    @precondition(lambda self: self.journal is not None)
    @rule(n=st.integers(1, 4), room=st.integers(0, 300))
    def append_on_a_full_disk(self, n: int, room: int) -> None:
        assert self.journal is not None
        new = self._new(n)
        with full_disk(room):
            try:
                self.journal.append([{"n": each} for each in new])
            except OSError:
                return
        self.truth += new

    @precondition(lambda self: self.journal is not None)
    @rule(n=st.integers(1, 4), share=st.floats(0, 0.99))
    def killed_while_appending(self, n: int, share: float) -> None:
        assert self.journal is not None
        segment = max(self.folder.glob("*.jsonl"))
        before = segment.stat().st_size
        self.journal.append([{"n": each} for each in self._new(n)])
        self.journal.close()
        self.journal = None
        written_to = max(self.folder.glob("*.jsonl"))
        start = before if written_to == segment else 0
        os.truncate(written_to, start + int((written_to.stat().st_size - start) * share))

    @precondition(lambda self: self.journal is None)
    @rule()
    def reopen(self) -> None:
        self.journal = Journal(self.folder, segment_bytes=150)
        assert self.journal.last_seq == len(self.truth)

    @rule(limit=st.integers(1, 10))
    def follow(self, limit: int) -> None:
        self.followed += numbers(self.reader.poll(limit))

    @invariant()
    def what_is_read_is_the_truth(self) -> None:
        assert numbers(read(self.folder)) == self.truth
        assert self.followed == self.truth[: len(self.followed)]

    def teardown(self) -> None:
        while entries := self.reader.poll():
            self.followed += numbers(entries)
        assert self.followed == self.truth
        if self.journal is not None:
            self.journal.close()
        self._folder.cleanup()


def test_readers_and_writer_agree_under_faults() -> None:
    run: Callable[..., None] = run_state_machine_as_test
    run(JournalUnderFaults, settings=settings(max_examples=40, deadline=None))
