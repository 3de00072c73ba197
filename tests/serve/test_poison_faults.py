"""Poison by the thousand: a 4xx or an answer, never a 5xx, a strange entry or a connection."""

from __future__ import annotations

import socket
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings

from .conftest import QUESTION, SALE, Bakery
from .poison import PLACES, Poison, must_be_plain, poisons, urls_to

pytestmark = [pytest.mark.faults, pytest.mark.slow]

MANY = settings(
    max_examples=1000, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
STATUSES: Counter[int] = Counter()


@MANY
@given(poisons())
@example(Poison("/predict", (b"\x80\x04}q\x00.", b'{"shop":' * 500)))
def test_no_body_makes_a_5xx_or_an_entry_that_no_json_is(
    shared_gateway: Bakery, asked: Poison
) -> None:
    for body in asked.bodies:
        reply = shared_gateway.post(asked.place, body)
        assert reply.status in (200, 400, 422), (asked.place, body[:200], reply)
        assert reply.headers["content-type"] == "application/json"
        assert len(reply.body) < 20_000
        orjson.loads(reply.body)
        if reply.status != 200:
            assert reply.error["code"]
        STATUSES[reply.status] += 1


def test_after_all_that_it_answers_and_has_journaled_nothing_but_numbers(
    shared_gateway: Bakery,
) -> None:
    if STATUSES:  # empty when this test is run alone
        assert STATUSES.total() > 5000
        assert min(STATUSES[each] for each in (200, 400, 422)) > 50, "poison of every depth"
    assert shared_gateway.predict(QUESTION).status == 200
    must_be_plain(shared_gateway.journaled())


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
    for url in urls_to(port):
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
