"""What a caller gets when the slot, the ledger, the features or the disk fail."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import MODEL, OTHER, QUESTION, VERSION, Bakery, Reply, scored

SAID = scored({"shop": ["north"], "trays": [4]})


def refused_quickly(gateway: Bakery, path: str = "/predict", seconds: float = 3) -> Reply:
    begun = time.monotonic()
    reply = gateway.post(path, QUESTION)
    assert time.monotonic() - begun < seconds
    assert reply.status == 503, reply
    assert int(reply.headers["retry-after"]) >= 1
    assert gateway.journaled() == []
    if reply.error["code"] != "nothing_serves":
        (failure,) = gateway.journaled("failure")
        assert failure.content["code"] == reply.error["code"]
        assert failure.content["why"] == reply.error["message"]
    return reply


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((500, b"Internal Server Error"), "the server answered 500"),
        ((503, b""), "the server answered 503"),
        ((422, b'{"error":{}}'), "the server answered 422"),
        ((404, b""), "the server answered 404"),
        ((302, b""), "the server answered 302"),
        ((204, b""), "the server answered 204"),
        (b"", "answer is wrong"),
        (b"not json", "answer is wrong"),
        (b"\x80\x04}q\x00.", "answer is wrong"),
        (b"[]", "answer is wrong"),
        (b"null", "answer is wrong"),
        ({}, "version is wrong"),
        ({**SAID, "version": "ffffffffffff"}, "runs version ffffffffffff, not 0123456789ab"),
        ({**SAID, "version": 7}, "version is wrong"),
        ({**SAID, "scores": [float("nan")]}, "scores.0 is wrong"),
        ({**SAID, "scores": [float("inf")]}, "scores.0 is wrong"),
        ({**SAID, "scores": [None]}, "scores.0 is wrong"),
        ({**SAID, "scores": ["0.5"]}, "scores.0 is wrong"),
        ({**SAID, "scores": [True]}, "scores.0 is wrong"),
        ({**SAID, "scores": 0.5}, "scores is wrong"),
        ({**SAID, "scores": [1.0000001]}, "no probability"),
        ({**SAID, "scores": [-0.1]}, "no probability"),
        ({**SAID, "scores": []}, "did not give 1 whole answers"),
        ({**SAID, "scores": [0.5, 0.5]}, "did not give 1 whole answers"),
        ({**SAID, "unknown": []}, "did not give 1 whole answers"),
        ({**SAID, "unknown": [7]}, "unknown.0 is wrong"),
        ({"version": VERSION, "scores": [0.5]}, "unknown is wrong"),
    ],
)
def test_a_slot_that_says_nonsense_counts_as_down(gateway: Bakery, said: Any, why: str) -> None:
    gateway.slot.says = lambda verb, columns: said
    reply = refused_quickly(gateway)
    assert reply.error["code"] == "unavailable"
    assert why in reply.error["message"]


@pytest.mark.parametrize(
    "said",
    [
        SAID,
        {**SAID, "base": 0.1},
        {**SAID, "reasons": [[]]},
        {**SAID, "base": 0.1, "reasons": []},
        {**SAID, "base": float("nan"), "reasons": [[]]},
        {**SAID, "base": 0.1, "reasons": [[7]]},
    ],
)
def test_an_explanation_without_its_parts_counts_as_down(gateway: Bakery, said: Any) -> None:
    gateway.slot.says = lambda verb, columns: said
    refused_quickly(gateway, "/explain")


def test_a_slow_slot_is_given_up_in_time_and_answers_again_later(gateway: Bakery) -> None:
    def slow(verb: str, columns: dict[str, list[Any]]) -> Any:
        time.sleep(3.5)
        return scored(columns)

    gateway.slot.says = slow
    reply = refused_quickly(gateway, seconds=3)
    assert "TimeoutError" in reply.error["message"]
    gateway.slot.says = lambda verb, columns: scored(columns)
    assert gateway.predict(QUESTION).status == 200


def test_a_slot_that_hangs_is_told_at_once_after_a_few_time_outs(gateway: Bakery) -> None:
    goes_on = threading.Event()

    def hang(verb: str, columns: dict[str, list[Any]]) -> Any:
        assert goes_on.wait(30)
        return scored(columns)

    gateway.slot.says = hang
    for _ in range(3):
        assert gateway.predict(QUESTION).status == 503
    begun = time.monotonic()
    replies = [gateway.predict(QUESTION) for _ in range(5)]
    assert time.monotonic() - begun < 0.3
    assert {(each.status, each.headers["retry-after"]) for each in replies} == {(503, "1")}
    assert len(gateway.slot.asked) == 3, "no storm of questions that nobody answers"
    goes_on.set()
    deadline = time.monotonic() + 20
    while gateway.predict(QUESTION).status != 200:
        assert time.monotonic() < deadline
    assert [gateway.predict(QUESTION).status for _ in range(10)] == [200] * 10


def test_a_slot_that_is_gone_is_told_at_once(gateway: Bakery) -> None:
    gateway.slot.stop()
    reply = refused_quickly(gateway)
    assert "ConnectionRefusedError" in reply.error["message"]


def test_a_slot_that_hangs_up_is_told_at_once(gateway: Bakery) -> None:
    def hang_up(verb: str, columns: dict[str, list[Any]]) -> Any:
        raise ConnectionResetError

    gateway.slot.server.handle_error = lambda *_: None  # type: ignore[method-assign]
    gateway.slot.says = hang_up
    reply = refused_quickly(gateway)
    assert "ConnectionResetError" in reply.error["message"]


def test_nothing_serves_until_there_is_a_route(
    make_gateway: Callable[..., Bakery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bakery, "serve", lambda *_: None)
    gateway = make_gateway()
    reply = refused_quickly(gateway)
    assert reply.error["code"] == "nothing_serves"
    assert not gateway.runner.run(gateway.gateway.is_ready())
    monkeypatch.undo()
    gateway.serve(VERSION)
    time.sleep(0.3)
    assert gateway.predict(QUESTION).status == 200
    assert gateway.runner.run(gateway.gateway.is_ready())


def test_a_new_route_is_followed_within_its_age(gateway: Bakery) -> None:
    assert gateway.predict(QUESTION).json["version"] == VERSION
    gateway.serve(OTHER)
    gateway.slot.says = lambda verb, columns: {**scored(columns), "version": OTHER}
    time.sleep(0.3)
    assert gateway.predict(QUESTION).json["version"] == OTHER


def test_the_last_route_stays_when_the_ledger_cannot_be_read(
    gateway: Bakery, caplog: pytest.LogCaptureFixture
) -> None:
    assert gateway.predict(QUESTION).status == 200
    with sqlite3.connect(gateway.project.var / "state" / "perennial.db") as connection:
        connection.execute("ALTER TABLE routes RENAME TO gone")
    time.sleep(0.3)
    for _ in range(3):
        assert gateway.predict(QUESTION).status == 200
    assert f"route of {MODEL} not read, the last one stays" in caplog.text
    with sqlite3.connect(gateway.project.var / "state" / "perennial.db") as connection:
        connection.execute("ALTER TABLE gone RENAME TO routes")
    gateway.serve(OTHER)
    time.sleep(0.3)
    assert "runs version" in gateway.predict(QUESTION).error["message"], "the new route is seen"


def test_a_ledger_that_hangs_holds_up_nobody(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert gateway.predict(QUESTION).status == 200
    router = gateway.gateway.desks[MODEL].router
    real = router._ledger.live

    def hang(model: str) -> Any:
        time.sleep(1.5)
        return real(model)

    monkeypatch.setattr(router._ledger, "live", hang)
    time.sleep(0.3)
    begun = time.monotonic()
    assert [gateway.predict(QUESTION).status for _ in range(3)] == [200] * 3
    assert time.monotonic() - begun < 1.4
    assert "not read in time" in caplog.text


def test_features_that_cannot_be_read_are_told(gateway: Bakery) -> None:
    assert gateway.predict(QUESTION).status == 200
    n_journaled = len(gateway.journaled())
    with sqlite3.connect(gateway.project.var / "feast" / "online.db") as connection:
        connection.execute('DROP TABLE "bakery_ovens"')
    reply = gateway.predict(QUESTION)
    assert (reply.status, reply.error["code"]) == (503, "features")
    assert int(reply.headers["retry-after"]) >= 1
    assert len(gateway.journaled()) == n_journaled


@pytest.mark.parametrize("n_bytes", [0, 1, 100, 500])
def test_a_full_disk_is_told_and_leaves_nothing_half(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch, n_bytes: int
) -> None:
    assert gateway.predict(QUESTION).status == 200
    before = gateway.journaled()
    real, room = os.write, n_bytes

    def write(descriptor: int, content: Any) -> int:
        nonlocal room
        if descriptor != gateway.gateway.predictions._file:
            return real(descriptor, content)
        if not room:
            raise OSError(errno.ENOSPC, "no space left on device")
        written = real(descriptor, content[:room])
        room -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        reply = gateway.predict([QUESTION] * 4)
    assert (reply.status, reply.error["code"]) == (503, "journal")
    assert "no space left" in reply.error["message"]
    assert int(reply.headers["retry-after"]) >= 1
    assert gateway.journaled() == before
    assert gateway.predict(QUESTION).status == 200
    assert [entry.seq for entry in gateway.journaled()] == [1, 2]


def test_a_second_gateway_is_refused_and_the_first_goes_on(gateway: Bakery) -> None:
    from perennial.errors import BusyError
    from perennial.serve.gateway import Gateway

    with pytest.raises(BusyError, match="predictions"):
        Gateway(gateway.project)
    assert gateway.predict(QUESTION).status == 200


def test_a_project_without_a_model_has_nothing_to_serve(gateway: Bakery) -> None:
    from perennial.declare.project import Project
    from perennial.errors import DeclarationError
    from perennial.serve.gateway import Gateway

    shutil.rmtree(gateway.project.root / "models")
    with pytest.raises(DeclarationError, match="no model is declared"):
        Gateway(Project(gateway.project.root, gateway.project.settings))
