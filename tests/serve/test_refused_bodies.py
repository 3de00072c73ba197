"""Wrong, broken and hostile bodies: always a 4xx that says why, never an answer, never a line."""

from __future__ import annotations

import gc
import pickle
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from .conftest import QUESTION, SALE, Bakery

GOOD = orjson.dumps(QUESTION)
PLACES = ["/predict", "/explain", "/feedback", "/events/sales"]


def with_value(field: str, value: bytes) -> bytes:
    """The good question with one field's value written as `value`."""
    rest = {name: each for name, each in QUESTION.items() if name != field}
    return b'{"%s":%s,%s' % (field.encode(), value, orjson.dumps(rest)[1:])


@pytest.fixture
def gateway(shared_gateway: Bakery) -> Iterator[Bakery]:
    yield shared_gateway
    assert shared_gateway.slot.asked == []
    assert shared_gateway.journaled() == []
    assert shared_gateway.gateway.feedback.journal.last_seq == 0
    assert shared_gateway.get("/events/sales").json["seq"] == 0


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"nonsense",
        b'{"shop":"north"',
        GOOD + b"x",
        GOOD + GOOD,
        b"\xef\xbb\xbf" + GOOD,  # a byte order mark
        GOOD.decode().encode("utf-16"),
        b'{"shop":"\xff\xfe"}',
        b'{"shop":"\xed\xa0\x80"}',  # half of a surrogate pair, in UTF-8
        b'{"trays":NaN}',
        b'{"trays":Infinity}',
        b'{"trays":-Infinity}',
        b'{"trays":01}',
        b"{'shop':'north'}",
        b'{"shop":"a\x00b"}',
        b'{"shop":"a\nb"}',
        b'{"shop":"north",}',
        b"[" * 500_000,
        b'{"shop":' * 100_000,
        b"[" * 400 + b"]" * 400,
        b"\x00" * 100,
        pickle.dumps(QUESTION),
    ],
)
def test_what_is_not_json_is_malformed(gateway: Bakery, place: str, body: bytes) -> None:
    reply = gateway.post(place, body)
    assert reply.status in (400, 422)
    if reply.status == 422:
        pytest.fail(f"{body[:30]!r} is JSON: {reply.error}")
    assert reply.error["code"] == "malformed"
    assert reply.error["mistakes"][0]["field"] == "body"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("body", [b"null", b"true", b"7", b'"north"', b"[7]", b"[null]", b"[[]]"])
def test_what_is_no_object_is_refused(gateway: Bakery, place: str, body: bytes) -> None:
    reply = gateway.post(place, body)
    assert reply.status == 422
    assert reply.error["mistakes"][0]["allowed"] in ("an object", "a valid dictionary")


@pytest.mark.parametrize(
    ("field", "value", "found", "allowed"),
    [
        ("shop", b"7", 7, "a valid string"),
        ("shop", b"null", None, "a valid string"),
        ("shop", b'["north"]', "['north']", "a valid string"),
        ("shop", b'"a\\u0000b"', "a\x00b", "text without NUL characters"),
        ("shop", b'"%s"' % (b"x" * 21), "x" * 21, "String should have at most 20 characters"),
        ("shop", b'"%s"' % (b"x" * 900), "x" * 97 + "...", "String should have at most 20 char"),
        ("trays", b'"4"', "4", "a valid number"),
        ("trays", b"true", True, "a valid number"),
        ("trays", b"-0.5", -0.5, "greater than or equal to 0"),
        ("trays", b"101", 101.0, "less than or equal to 100"),
        ("trays", b"1e999", "inf", "a finite number"),
        ("trays", b"9" * 400, "9" * 97 + "...", "a finite number"),
        ("oven", b"1.5", 1.5, "a valid integer"),
        ("oven", b"true", True, "a valid integer"),
        ("oven", b'"1"', "1", "a valid integer"),
        ("oven", b"-1", -1, "greater than or equal to 0"),
        ("oven", b"9223372036854775808", "9223372036854775808", "less than or equal to 92233"),
        ("oven", b"9" * 1000, "9" * 97 + "...", "less than or equal to 9223372036854775807"),
        ("baked_at", b"1714741200", 1714741200, "a valid datetime"),
        ("baked_at", b'"1714741200"', "1714741200", "an ISO 8601 moment with its offset"),
        ("baked_at", b'"2024-05-03"', "2024-05-03", "an ISO 8601 moment with its offset"),
        ("baked_at", b'"2024-05-03T13:00:00"', "2024-05-03T13:00:00", "an ISO 8601 moment"),
        ("baked_at", b'"2024-13-03T13:00:00Z"', "2024-13-03T13:00:00Z", "an ISO 8601 moment"),
        ("baked_at", b'"2024-02-30T13:00:00Z"', "2024-02-30T13:00:00Z", "an ISO 8601 moment"),
        ("baked_at", b'"0001-01-01T00:00:00+23:59"', "0001-01-01T00:00:00+23:59", "1900 to 2199"),
        ("baked_at", b'"9999-12-31T23:59:59-23:59"', "9999-12-31T23:59:59-23:59", "1900 to 2199"),
        ("baked_at", b"null", None, "a valid datetime"),
        ("loaves", b"1", 1, "no such field is declared"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_found_and_what_is_allowed(
    gateway: Bakery, field: str, value: bytes, found: Any, allowed: str
) -> None:
    reply = gateway.post("/predict", with_value(field, value))
    assert reply.status == 422, reply
    assert reply.error["code"] == "invalid"
    (mistake,) = reply.error["mistakes"]
    assert mistake["field"] == field
    assert mistake["found"] == found
    assert allowed in mistake["allowed"]


def test_an_integer_of_thousands_of_digits_is_refused_without_reading_it(gateway: Bakery) -> None:
    begun = time.process_time()
    for digits in (5_000, 900_000):
        reply = gateway.post("/predict", with_value("oven", b"9" * digits))
        assert 400 <= reply.status < 500
        assert len(reply.body) < 1000
    assert time.process_time() - begun < 2


def test_a_missing_field_is_required(gateway: Bakery) -> None:
    assert gateway.predict({}).error["mistakes"] == [
        {"field": name, "found": None, "allowed": "the field is required"}
        for name in ("shop", "baked_at")
    ]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b'{"shop":"north","shop":"south"}', ["shop"]),
        (b'{"shop":"north","\\u0073hop":"south"}', ["shop"]),
        (b'[{"shop":"north"},{"oven":1,"oven":1,"shop":"x","shop":"x"}]', ["oven", "shop"]),
        (b'{"\\ud800":1,"\\ud800":1}', ["\\ud800"]),
    ],
)
def test_a_name_that_stands_twice_is_refused(
    gateway: Bakery, body: bytes, names: list[str]
) -> None:
    reply = gateway.post("/predict", body)
    assert reply.status == 422
    expected = [{"field": name, "found": "twice", "allowed": "once"} for name in names]
    assert reply.error["mistakes"] == expected


def test_mistakes_of_a_batch_name_the_row(gateway: Bakery) -> None:
    reply = gateway.predict([QUESTION, {**QUESTION, "oven": -1}, {**QUESTION, "shop": 1}])
    assert [each["field"] for each in reply.error["mistakes"]] == ["1.oven", "2.shop"]


@pytest.mark.parametrize("n", [0, 21, 100_000])
def test_a_batch_holds_as_many_as_declared(gateway: Bakery, n: int) -> None:
    reply = gateway.post("/predict", b"[" + b",".join([b"{}"] * n) + b"]")
    assert reply.status == 422
    assert reply.error["code"] == "batch_size"
    assert reply.error["message"] == f"a list holds 1 to 20 rows, got {n}"


@pytest.fixture
def own_heap() -> Iterator[None]:
    """The collector walks through what this test makes, and not through what all before it left.

    A body of 300,000 lists sets it off often. A gateway holds some 100 MB; this process, at the
    end of its tests, more than ten times that.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b",".join([b"{}"] * 330_000) + b"]",
        b"[" + b",".join(b'{"%d":1}' % n for n in range(70_000)) + b"]",
        b"{" + b",".join(b'"%d":1' % n for n in range(90_000)) + b"}",
        b'{"shop":[' + b",".join([b"[]"] * 300_000) + b"]}",
        b'{"shop":{' + b",".join(b'"%d":{}' % n for n in range(80_000)) + b"}}",
        b'{"shop":"' + b"\\u0000" * 160_000 + b'"}',
        b'{"' + b"x" * 900_000 + b'":1}',
    ],
)
@pytest.mark.usefixtures("own_heap")
def test_a_megabyte_of_mistakes_costs_no_more_than_a_few(gateway: Bakery, body: bytes) -> None:
    begun = time.process_time()
    reply = gateway.post("/predict", body)
    assert reply.status == 422
    assert len(reply.body) < 8_000
    assert time.process_time() - begun < 3


@pytest.mark.parametrize("place", [*PLACES, "/nowhere", "/"])
@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.bentoml+pickle",
        "application/octet-stream",
        "application/x-pickle",
        "application/python-pickle",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "text/plain",
        "text/json",
        "application/jsonp",
        "application/json+pickle",
        "application/vnd.bentoml+pickle; application/json",
        "",
        None,
        "\xff",
        "x" * 5000,
    ],
)
def test_only_json_is_taken(gateway: Bakery, place: str, kind: str | None) -> None:
    for body in (pickle.dumps(QUESTION), GOOD, b""):
        reply = gateway.post(place, body, kind)
        assert reply.status == 415
        assert reply.error["code"] == "unsupported"


@pytest.mark.parametrize(
    ("row", "field", "allowed"),
    [
        ({**SALE, "sale_id": None}, "sale_id", "a valid string"),
        (
            {name: value for name, value in SALE.items() if name != "sale_id"},
            "sale_id",
            "the field is required",
        ),
        ([SALE, {**SALE, "sale_id": None}], "1.sale_id", "a valid string"),
    ],
)
def test_an_event_without_its_key_is_refused_with_all_others(
    gateway: Bakery, row: Any, field: str, allowed: str
) -> None:
    reply = gateway.post("/events/sales", row)
    assert reply.status == 422
    mistakes = reply.error["mistakes"]
    assert mistakes == [{"field": field, "found": None, "allowed": allowed}]


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("sold_at", None, "a valid datetime"),
        ("_till", 2**15, "less than 32768"),
        ("amount", 2**31, "less than 2147483648"),
        ("receipt", 2**63, "less than 9223372036854775808"),
        ("receipt", -(2**63) - 1, "greater than or equal to -9223372036854775808"),
        ("price", "cheap", "a valid number"),
        ("is_cash", 1, "a valid boolean"),
        ("best_before", "2024-05-03T00:00:00Z", "an ISO 8601 date"),
        ("best_before", "0", "an ISO 8601 date"),
        ("best_before", "2024-02-30", "an ISO 8601 date"),
        ("best_before", 0, "a valid date"),
        ("schema", "x" * 10_001, "at most 10000 characters"),
        ("tip", 1, "no such field is declared"),
    ],
)
def test_an_event_against_its_contract_is_refused(
    gateway: Bakery, field: str, value: Any, allowed: str
) -> None:
    body = orjson.dumps({**SALE, field: None}).replace(
        b'"%s":null' % field.encode(), b'"%s":%s' % (field.encode(), dumped(value))
    )
    reply = gateway.post("/events/sales", b"[%s,%s]" % (orjson.dumps(SALE), body))
    assert reply.status == 422, reply
    (mistake,) = reply.error["mistakes"]
    assert mistake["field"] == f"1.{field}"
    assert allowed in mistake["allowed"]


def dumped(value: Any) -> bytes:
    return str(value).encode() if isinstance(value, int) else orjson.dumps(value)


@pytest.mark.parametrize("source", ["shops", "nothing", "sales/more", "%00", "é" * 300])
def test_a_source_that_takes_no_events_is_not_found(gateway: Bakery, source: str) -> None:
    for reply in (gateway.post(f"/events/{source}", SALE), gateway.get(f"/events/{source}")):
        assert reply.status == 404
        assert len(reply.body) < 500
