"""The registry follows in a process of its own, one at a time, ever more rarely when it fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from perennial.declare.project import Project
from perennial.release import mirroring
from perennial.release.mirroring import Mirrors


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often the process was started; it fails each time."""
    log = tmp_path / "started"
    log.touch()
    program = f"open({str(log)!r}, 'a').write('.'); raise SystemExit(3)"
    monkeypatch.setattr(mirroring, "command", lambda *_: [sys.executable, "-c", program])
    return lambda: len(log.read_text())


def until(follows: Mirrors, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        follows.follow("m")
        time.sleep(0.02)


def test_it_is_tried_again_but_ever_more_rarely(
    make_project: Callable[..., Project],
    started: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(mirroring, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(mirroring, "AT_MOST_SECONDS", 0.2)
    follows = Mirrors(make_project(n_days=0))
    until(follows, lambda: started() == 3)
    until(follows, lambda: caplog.text.count("does not follow m yet") == 3)
    assert "again in 0.1 s" in caplog.text
    assert caplog.text.count("again in 0.2 s") == 2


def test_one_at_a_time(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import time; time.sleep(60)"
    monkeypatch.setattr(mirroring, "command", lambda *_: [sys.executable, "-c", program])
    follows = Mirrors(make_project(n_days=0))
    follows.follow("m")
    (process,) = follows._running.values()
    follows.follow("m")
    assert list(follows._running.values()) == [process]
    process.kill()
    process.wait()
