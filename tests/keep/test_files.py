"""Small files that others read while they are replaced."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from perennial.keep.files import replace_text


def test_the_text_becomes_the_whole_file_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "state/land/orders.json"
    replace_text(path, "a long first text")
    replace_text(path, "ü\n")
    assert path.read_text(encoding="utf-8") == "ü\n"
    assert [each.name for each in path.parent.iterdir()] == ["orders.json"]


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_text(path, "0" * 10_000)
    is_done = threading.Event()

    def write() -> None:
        for number in range(50):
            replace_text(path, str(number % 10) * 10_000)
        is_done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not is_done.is_set():
        text = path.read_text()
        assert len(text) == 10_000
        assert len(set(text)) == 1
    writer.join()


def test_writers_at_once_leave_one_of_their_texts(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    threads = [
        threading.Thread(target=lambda n=n: [replace_text(path, str(n) * 1000) for _ in range(20)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(path.read_text())) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


def test_a_full_disk_leaves_the_old_text_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    replace_text(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_text(path, "new")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
