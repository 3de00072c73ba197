"""Starting and stopping from outside, with a supervisor that only sleeps."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.deploy import left_behind, slot_process, supervision, supervisor, waiting
from perennial.errors import DeclarationError, UnavailableError
from perennial.keep.ledger import Ledger

from .conftest import MODEL, Said, answering

SLEEPING = [sys.executable, "-c", "import time; print('asleep', flush=True); time.sleep(120)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "open('deaf', 'w').close(); time.sleep(120)",
]


@pytest.fixture
def fake(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the fake supervisor runs and says; the gateway answers while it should."""
    told: dict[str, Any] = {"command": SLEEPING, "statuses": {"gateway": "active"}}
    monkeypatch.setattr(supervision, "command", lambda *_: told["command"])
    monkeypatch.setattr(supervision, "ask", lambda *_, **__: {"statuses": told["statuses"]})
    monkeypatch.setattr(waiting, "until_ready", lambda *_, **__: None)
    start = subprocess.Popen
    started: list[Any] = []

    def remembered(*given: Any, **options: Any) -> Any:
        started.append(start(*given, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", remembered)
    yield told
    for process in started:
        process.kill()
        process.wait()


def pid_file(project: Project) -> Path:
    return project.var / "state" / "supervisor.pid"


def pid_of(project: Project) -> int:
    return int(pid_file(project).read_text().split()[0])


def lives(pid: int) -> bool:
    return supervision._started(pid) is not None


def test_up_starts_once_and_down_stops(project: Project, fake: dict[str, Any]) -> None:
    assert supervision.up(project) == {"gateway": "active"}
    pid = pid_of(project)
    assert supervision.is_running(project)
    assert supervision.up(project) == {"gateway": "active"}
    assert pid_of(project) == pid
    assert supervision.down(project)
    assert not lives(pid)
    assert not supervision.is_running(project)
    assert not supervision.down(project)


def test_nothing_runs_and_nothing_is_stopped(project: Project) -> None:
    assert supervision.status(project) == {}
    assert not supervision.down(project)


@pytest.mark.parametrize("which", ["gateway_port", "supervisor_port"])
def test_a_taken_port_is_told_with_its_setting(
    project: Project, fake: dict[str, Any], which: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", getattr(project.settings, which)))
        other.listen()
        with pytest.raises(UnavailableError, match=str(getattr(project.settings, which))):
            supervision.up(project)
    assert not pid_file(project).exists()


def test_a_supervisor_that_ends_at_once_is_told_with_its_log(
    project: Project, fake: dict[str, Any]
) -> None:
    fake["command"] = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]
    fake["statuses"] = {"gateway": "stopped"}
    with pytest.raises(UnavailableError, match=r"(?s)did not start:.*the reason"):
        supervision.up(project)


def test_a_process_id_that_is_used_again_is_not_the_supervisor(
    project: Project, fake: dict[str, Any]
) -> None:
    with subprocess.Popen(SLEEPING, stdout=subprocess.DEVNULL) as other:
        pid_file(project).parent.mkdir(parents=True)
        pid_file(project).write_text(f"{other.pid} 1")
        assert not supervision.is_running(project)
        assert not supervision.down(project)
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("content", ["", "x y", "17", "999999999 5"])
def test_a_pid_file_that_says_nothing_is_none(project: Project, content: str) -> None:
    pid_file(project).parent.mkdir(parents=True)
    pid_file(project).write_text(content)
    assert not supervision.is_running(project)


def test_one_that_does_not_listen_is_killed(project: Project, fake: dict[str, Any]) -> None:
    fake["command"] = DEAF
    supervision.up(project)
    pid = pid_of(project)
    while not (project.root / "deaf").exists():
        time.sleep(0.01)
    assert supervision.down(project, seconds=0.2)
    assert not lives(pid)


def marked(project: Project) -> Any:
    """A server as a supervisor of this project starts it: in a session of its own."""
    environment = {**os.environ, **left_behind.mark(project)}
    return subprocess.Popen(
        SLEEPING, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )


def test_servers_that_outlived_their_supervisor_are_stopped_by_down_and_by_up(
    project: Project, fake: dict[str, Any], tmp_path: Path
) -> None:
    stranger = marked(Project(tmp_path / "other", project.settings))
    try:
        for stop in (supervision.down, supervision.up):
            orphan = marked(project)
            while orphan.pid not in left_behind.find(project):
                time.sleep(0.01)
            stop(project)
            assert orphan.wait(timeout=5) == -signal.SIGTERM
        assert left_behind.find(project) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_is_supervised_are_reserved_slots_gateway_and_controller(project: Project) -> None:
    ledger = Ledger.of(project)
    ledger.reserve(MODEL, project.settings.slot_port)
    ledger.set_slot(MODEL, "green", "v1", "proven")
    ledger.reserve("gone", project.settings.slot_port)  # a model that is declared no more
    found = {each["name"]: each["autostart"] for each in supervisor.watchers(project)}
    slots = {"slot-ripeness-blue": False, "slot-ripeness-green": True}
    assert found == {**slots, "gateway": True, "controller": True}


def test_a_slot_runs_its_command_for_as_long_as_it_is_needed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot_process, "command", lambda *_: SLEEPING)
    place = Ledger.of(project).reserve(MODEL, project.settings.slot_port)[0]
    with slot_process.temporary(project, place) as (log, is_alive):
        while not log.read_text():
            time.sleep(0.01)
        assert is_alive()
        assert waiting.tail(log) == "asleep"
    assert not is_alive()


def test_a_server_that_ends_is_told_at_once_with_its_log(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = [sys.executable, "-c", "print('no such model')"]
    monkeypatch.setattr(slot_process, "command", lambda *_: ending)
    place = Ledger.of(project).reserve(MODEL, project.settings.slot_port)[0]
    told = r"(?s)ended before it was ready.*no such model"
    with (
        pytest.raises(UnavailableError, match=told),
        slot_process.temporary(project, place) as (log, is_alive),
    ):
        waiting.until_ready(place.port, "slot", 30, log, lives=is_alive)


@pytest.mark.parametrize("says", [b"nonsense\r\n\r\n", b""])
def test_what_does_not_speak_http_is_not_ready(says: bytes) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(says)

        for question in (waiting.is_ready, waiting.running_version):
            thread = threading.Thread(target=answer)
            thread.start()
            assert not question(port)
            thread.join()
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(UnavailableError, match="does not answer /predict"):
            waiting.post(port, "/predict", {})
        thread.join()


def test_the_version_that_runs_is_asked_of_the_server(project: Project) -> None:
    with answering(project.settings.slot_port, Said()):
        assert waiting.running_version(project.settings.slot_port) == "v1"
    assert waiting.running_version(project.settings.slot_port) is None


def test_a_slot_that_is_not_reserved_or_has_no_version_is_told(project: Project) -> None:
    with pytest.raises(DeclarationError, match=r"has no slot 'red' \(reserved: none\)"):
        slot_process.slot_named(project, MODEL, "red")
    Ledger.of(project).reserve(MODEL, project.settings.slot_port)
    with pytest.raises(DeclarationError, match=r"\(reserved: blue, green\)"):
        slot_process.slot_named(project, MODEL, "red")
    with pytest.raises(UnavailableError, match="has no version assigned"):
        slot_process.run_slot(project, MODEL, "blue")
    Ledger.of(project).set_slot(MODEL, "blue", "v1", "assigned")
    with pytest.raises(UnavailableError, match="version v1 has no Bento"):
        slot_process.run_slot(project, MODEL, "blue")
