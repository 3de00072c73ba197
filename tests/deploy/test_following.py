"""Slots on machines of their own: they follow the ledger, and deploy waits for them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.deploy import deploy, deploying, following
from perennial.deploy.following import Follower, end_at_a_release, is_as_assigned
from perennial.errors import DeclarationError, IntegrityError, UnavailableError
from perennial.keep.ledger import Ledger

from .conftest import MODEL, Said, answering, package, slot

SLEEPING = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def apart(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project where slots are asked under a name of their own (this machine's)."""
    monkeypatch.setattr(deploying, "READY_SECONDS", 1.0)
    settings = project.settings.model_copy(update={"slot_host": "local{slot}"})
    monkeypatch.setattr(Settings, "host_of", lambda *_: "localhost")
    return Project(project.root, settings)


@pytest.fixture
def follower(apart: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Follower]:
    """What keeps slot blue, with servers that only sleep."""
    monkeypatch.setattr(following, "command", lambda *_: SLEEPING)
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.2)
    made = Follower(apart, MODEL, "blue")
    yield made
    made._end()


def assign(project: Project, version: str | None, state: Any = "assigned") -> None:
    Ledger.of(project).set_slot(MODEL, "blue", version, state)


def pid_after_tick(follower: Follower) -> int | None:
    follower.tick()
    return follower._process.pid if follower._process else None


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_slots_host_is_named_by_the_setting() -> None:
    settings = Settings(project=None, slot_host="slot-{model}-{slot}.example")
    assert settings.host_of("pears", "blue") == "slot-pears-blue.example"
    assert Settings(project=None, slot_host=None).host_of("pears", "blue") == "127.0.0.1"


def test_it_reserves_the_slots_and_starts_nothing_until_a_version_is_assigned(
    apart: Project, follower: Follower
) -> None:
    assert [each.state for each in Ledger.of(apart).slots(MODEL)] == ["empty", "empty"]
    assert pid_after_tick(follower) is None
    assign(apart, "v1")
    assert pid_after_tick(follower)


def test_a_version_that_is_proven_goes_on_and_another_takes_its_place(
    apart: Project, follower: Follower
) -> None:
    assign(apart, "v1")
    first = pid_after_tick(follower)
    assign(apart, "v1", "proven")
    assert pid_after_tick(follower) == first
    assign(apart, "v2")
    second = pid_after_tick(follower)
    assert second not in (None, first)
    assert not Path(f"/proc/{first}").exists()


def test_a_server_that_was_found_wrong_is_stopped(apart: Project, follower: Follower) -> None:
    assign(apart, "v1")
    assert pid_after_tick(follower)
    assign(apart, "v1", "failed")
    assert pid_after_tick(follower) is None


def test_a_killed_server_comes_back_but_not_in_a_rush(
    apart: Project, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PAUSE_SECONDS", 1000.0)
    assign(apart, "v1")
    first = pid_after_tick(follower)
    assert follower._process is not None
    follower._process.kill()
    follower._process.wait()
    assert pid_after_tick(follower) is None, "it waits a moment between two starts"
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.0)
    assert pid_after_tick(follower) not in (None, first)


def test_a_ledger_that_does_not_answer_changes_nothing(
    apart: Project, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("gone"))

    assign(apart, "v1")
    first = pid_after_tick(follower)
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "slots", gone)
        assert pid_after_tick(follower) == first
        assert follower._process is not None
        follower._process.kill()
        follower._process.wait()
        until(lambda: pid_after_tick(follower) not in (None, first))
    assign(apart, "v1", "failed")
    assert pid_after_tick(follower) is None
    monkeypatch.setattr(Ledger, "slots", gone)
    assert pid_after_tick(follower) is None, "what was found wrong stays stopped"


def test_its_server_ends_with_it(apart: Project, follower: Follower) -> None:
    assign(apart, "v1")
    stop = threading.Event()
    thread = threading.Thread(target=follower.run, args=(stop,))
    thread.start()
    until(lambda: follower._process is not None)
    process = follower._process
    stop.set()
    thread.join(20)
    assert process is not None
    assert process.poll() is not None


def test_a_slot_that_is_none_is_told(apart: Project) -> None:
    with pytest.raises(DeclarationError, match="no slot 'red' \\(reserved: blue, green\\)"):
        Follower(apart, MODEL, "red")


def test_deploy_waits_until_the_slot_runs_the_version(apart: Project) -> None:
    package(apart, "v2")
    said = Said()
    said.version = "v1"
    Ledger.of(apart).reserve(MODEL, apart.settings.slot_port)

    def follow() -> None:
        until(lambda: slot(apart, "blue").version == "v2")
        said.version = "v2"

    thread = threading.Thread(target=follow)
    with answering(apart.settings.slot_port, said):
        thread.start()
        report = deploy(MODEL, "2024-02-01", project=apart)
        thread.join()
    assert (report.version, report.slot, report.is_proven) == ("v2", "blue", True)


def test_deploy_says_what_a_slot_runs_that_does_not_follow(apart: Project) -> None:
    package(apart, "v2")
    with (
        answering(apart.settings.slot_port, Said()),
        pytest.raises(UnavailableError, match=r"localhost:\d+ was not ready with v2 .*runs v1"),
    ):
        deploy(MODEL, "2024-02-01", project=apart)
    assert slot(apart, "blue").state == "failed"


def test_a_wrong_answer_is_no_proof_there_either(apart: Project) -> None:
    package(apart, "v1")
    said = Said()
    said.prediction = {"scores": [0.1, 0.25, 0.8]}
    with answering(apart.settings.slot_port, said), pytest.raises(IntegrityError):
        deploy(MODEL, "2024-02-01", project=apart)
    assert slot(apart, "blue").state == "failed"


def test_a_check_asks_the_server_only_where_one_should_be(apart: Project) -> None:
    Ledger.of(apart).reserve(MODEL, apart.settings.slot_port)
    assert is_as_assigned(apart, MODEL, "blue")
    assign(apart, "v1", "proven")
    assert not is_as_assigned(apart, MODEL, "blue")
    with answering(apart.settings.slot_port, Said()):
        assert is_as_assigned(apart, MODEL, "blue")
        assign(apart, "v2")
        assert not is_as_assigned(apart, MODEL, "blue")


def test_it_ends_when_another_version_serves(apart: Project) -> None:
    ledger = Ledger.of(apart)
    ledger.reserve(MODEL, apart.settings.slot_port)
    stop = threading.Event()
    end_at_a_release(apart, stop)
    assign(apart, "v1", "proven")
    assert not stop.wait(3 * following.TICK_SECONDS), "nothing serves yet, as before"
    ledger.route(MODEL, "blue", "v1", "first", "test")
    assert stop.wait(20)
