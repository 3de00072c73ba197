from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from perennial.serve import limits
from perennial.serve.limits import MAX_BODY_BYTES, Limits

from .conftest import Asker


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body() if scope["method"] == "POST" else b"-"
    await Response(str(len(body)))(scope, receive, send)


def _run(asker: Asker, scope: Scope, receive: Receive, send: Send) -> None:
    async def ask() -> None:
        await asker.app(scope, receive, send)

    asker.runner.run(ask())


@pytest.fixture
def asker() -> Any:
    asker = Asker(Limits(echo))
    yield asker
    asker.runner.close()


@pytest.mark.parametrize("n", [0, 1, MAX_BODY_BYTES])
def test_a_body_within_the_bound_passes_whole(asker: Asker, n: int) -> None:
    pieces = (b"x" * (n // 2), b"", b"x" * (n - n // 2))
    assert asker.post("/", b"x" * n).body == str(n).encode()
    assert asker.post("/", pieces).body == str(n).encode()


def test_a_body_above_the_bound_is_refused_by_its_length_alone(asker: Asker) -> None:
    for length in (str(MAX_BODY_BYTES + 1), "0" * 30 + "1000001", "9" * 5000):
        reply = asker.post("/", (b"{}",), content_length=length)
        assert (reply.status, reply.error["code"]) == (413, "too_large")


def test_a_body_that_lies_about_its_length_is_refused_by_what_comes(asker: Asker) -> None:
    pieces = (b"x" * 600_000,) * 2
    for length in ("1", "0", "-1", "many", ""):
        assert asker.post("/", pieces, content_length=length).status == 413
    assert asker.post("/", pieces).status == 413


def test_an_endless_body_is_read_no_further_than_the_bound(asker: Asker) -> None:
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1000
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    came: list[Message] = []

    async def send(message: Message) -> None:
        came.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    _run(asker, scope, receive, send)
    assert came[0]["status"] == 413
    assert taken <= MAX_BODY_BYTES + 1000


def test_a_body_that_does_not_come_is_given_up(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.1)

    async def receive() -> Message:
        await asyncio.sleep(0.06)  # a byte now and then does not help
        return {"type": "http.request", "body": b"x", "more_body": True}

    came: list[Message] = []

    async def send(message: Message) -> None:
        came.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    begun = time.monotonic()
    _run(asker, scope, receive, send)
    assert time.monotonic() - begun < 2
    assert came[0]["status"] == 408


def test_a_client_that_goes_away_reaches_nobody(asker: Asker) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    came: list[Message] = []

    async def send(message: Message) -> None:
        came.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    _run(asker, scope, receive, send)
    assert came[0]["status"] == 400


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_may_be_written_in_any_case_with_parameters(asker: Asker, kind: str) -> None:
    assert asker.post("/", b"{}", kind).status == 200


def test_a_method_without_a_body_needs_no_content_type(asker: Asker) -> None:
    assert asker.get("/").body == b"1"


@pytest.mark.parametrize("depth", [2, 16])
def test_a_body_may_be_nested_as_deep_as_declared_and_no_deeper(depth: int) -> None:
    asker = Asker(Limits(echo, max_depth=depth))
    try:
        fits = b'[{"a":' * (depth // 2) + b"1" + b"}]" * (depth // 2)
        assert asker.post("/", fits).status == 200
        assert asker.post("/", b"[" + fits + b"]").error["code"] == "malformed"
        many = b'[{"a":1}' + b',{"a":"}]{["}' * 1000 + b"]"  # brackets in texts do not count
        assert asker.post("/", many).status == 200
    finally:
        asker.runner.close()


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 490_000, b'"' * 999_999, b"[" * 999_999])
def test_looking_at_the_depth_takes_no_longer_than_reading(body: bytes) -> None:
    begun = time.process_time()
    limits.is_deeper(b"[[" + body, 1)
    assert time.process_time() - begun < 1
