"""Poison by the thousand: a 4xx or an answer, never a 5xx, a strange entry or a connection."""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from .conftest import MODEL, QUESTION, SALE, Bakery

pytestmark = [pytest.mark.faults, pytest.mark.slow]

PLACES = ["/predict", f"/predict/{MODEL}", "/explain", "/feedback", "/events/sales"]
GOOD = {"/feedback": {"prediction_id": "0" * 32, "label": 1}, "/events/sales": SALE}
MANY = settings(
    max_examples=2500, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip

NUMBERS = st.one_of(
    st.integers(), st.integers(-(2**70), 2**70), st.floats(),
    st.sampled_from([2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**400, -0.0, math.inf, math.nan]),
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["\x00", "\ud800", "\u202e", "north\n", "1e5", "true", "null", "' OR 1=1 --",
                     "${jndi:ldap://127.0.0.1/x}", "../../etc/passwd", "2024-05-03T13:00:00Z"]),
)  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
    max_leaves=8,
)


def written(content: Any) -> bytes:
    """JSON as Python writes it: with NaN, Infinity, huge numbers and half surrogates."""
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")


@st.composite
def poisoned(draw: st.DrawFn) -> tuple[str, bytes]:
    """A place, and a body that is the right one with something wrong, or anything at all."""
    place = draw(st.sampled_from(PLACES))
    row = dict(GOOD.get(place, QUESTION))
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*row, "extra"]) | TEXTS)
        row[name] = draw(VALUES)
    content: Any = draw(st.sampled_from([row, [row], [row, row], {"columns": row}]) | VALUES)
    body = written(content)
    match draw(st.integers(0, 5)):
        case 0:
            return place, draw(st.binary(max_size=80))
        case 1 if body:
            at = draw(st.integers(0, len(body) - 1))
            return place, body[:at] + draw(st.binary(max_size=3)) + body[at + 1 :]
        case 2:
            return place, b"[" * draw(st.integers(1, 3000)) + body
    return place, body


@MANY
@given(poisoned())
@example(("/predict", b"\x80\x04}q\x00."))
@example(("/predict", b'{"shop":' * 500))
def test_no_body_makes_a_5xx_or_an_entry_that_no_json_is(
    shared_gateway: Bakery, asked: tuple[str, bytes]
) -> None:
    place, body = asked
    reply = shared_gateway.post(place, body)
    assert reply.status in (200, 400, 422), (place, body[:200], reply)
    assert reply.headers["content-type"] == "application/json"
    assert len(reply.body) < 20_000
    orjson.loads(reply.body)
    if reply.status != 200:
        assert reply.error["code"]


def test_after_all_that_it_answers_and_has_journaled_nothing_but_numbers(
    shared_gateway: Bakery,
) -> None:
    assert shared_gateway.predict(QUESTION).status == 200
    for entry in shared_gateway.journaled():
        for value in entry.content["features"].values():
            assert value is None or isinstance(value, str | int | float | bool)
            assert not isinstance(value, float) or math.isfinite(value)


@pytest.fixture
def listener() -> Iterator[tuple[int, list[Any]]]:
    """A port that somebody might be made to call, and who did."""
    called: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def wait() -> None:
            while not stop.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                called.append(address)
                connection.close()

        thread = threading.Thread(target=wait)
        thread.start()
        yield server.getsockname()[1], called
        with socket.create_connection(server.getsockname()[:2], 5):
            pass  # what was waiting before this one has been taken by now
        stop.set()
        thread.join()


def test_addresses_in_the_input_are_never_called(
    shared_gateway: Bakery, listener: tuple[int, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, called = listener
    looked_up: list[Any] = []
    own = shared_gateway.slot.port
    connect = socket.socket.connect

    def connecting(this: socket.socket, address: Any) -> None:
        looked_up.append(address)
        connect(this, address)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    urls = [
        f"{scheme}://{host}:{port}/x"
        for scheme in ("http", "https", "ftp", "file", "gopher", "s3")
        for host in ("127.0.0.1", "localhost", "[::1]", "0x7f000001", "2130706433", "127.1")
    ]
    urls += ["http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "//127.0.0.1/x"]
    for url in urls:
        for body in (
            {**QUESTION, "shop": url}, {**QUESTION, "shop": {"url": url}}, {"url": url}, url,
            {**SALE, "schema": url}, {"prediction_id": url, "label": url},
            {"$ref": url}, {"image": {"path": url, "type": "file"}},
        ):  # fmt: skip
            for place in PLACES:
                assert shared_gateway.post(place, body).status in (200, 400, 422)
        for place in (f"/predict/{url}", f"/events/{url}"):
            assert 400 <= shared_gateway.post(place, QUESTION).status < 500
        headers = {"x_forwarded_for": url, "referer": url, "payload_container": url}
        shared_gateway.post("/predict", QUESTION, **headers)
    assert called == []
    elsewhere = [each for each in looked_up if isinstance(each, tuple) and each[1] != own]
    assert elsewhere == [], "only the slot is ever connected to"
