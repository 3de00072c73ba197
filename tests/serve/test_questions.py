from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.declare.model import Model
from perennial.serve.questions import QuestionParser
from perennial.serve.refusals import RefusedError, refusal

from .conftest import DECLARED, MODEL, QUESTION


def model(**request: Any) -> Model:
    return Model.model_validate(
        {"name": MODEL, **DECLARED, "request": {**DECLARED["request"], **request}}
    )


def field(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "description": "It.", "example": 1, **more}


def refused(parser: QuestionParser, body: bytes) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        parser.parse(body)
    return caught.value


def shown(known: dict[str, Any]) -> Any:
    """A question's fields as the journal has them."""
    return orjson.loads(orjson.dumps(known, option=orjson.OPT_UTC_Z))


@pytest.fixture(scope="module")
def parser() -> QuestionParser:
    return QuestionParser(model())


def test_a_question_counts_as_asked_so_long_before_its_moment(parser: QuestionParser) -> None:
    (question,), is_batch = parser.parse(orjson.dumps(QUESTION))
    assert not is_batch
    assert question.asked_at == datetime(2024, 5, 3, 12, tzinfo=UTC)
    assert question.known == {**QUESTION, "baked_at": datetime(2024, 5, 3, 13, tzinfo=UTC)}
    assert shown(question.known) == QUESTION


def test_a_list_of_one_is_a_batch(parser: QuestionParser) -> None:
    (_,), is_batch = parser.parse(b" \n[" + orjson.dumps(QUESTION) + b"]")
    assert is_batch


def test_the_question_s_own_time_must_be_known() -> None:
    fields = [field("asked", "timestamp", required=False)]
    error = refused(QuestionParser(model(fields=fields, asked={"field": "asked"})), b"{}")
    assert error.status == 422
    assert error.mistakes == [{"field": "asked", "found": None, "allowed": "a moment"}]


@pytest.mark.parametrize("name", ["model_config", "json", "schema", "copy", "dict", "model_fields"])
def test_a_field_may_have_any_name(name: str) -> None:
    asked = field("at", "timestamp")
    parser = QuestionParser(model(fields=[field(name, "integer"), asked], asked={"field": "at"}))
    (question,), _ = parser.parse(orjson.dumps({name: 1, "at": "2024-05-03T13:00:00Z"}))
    assert question.known[name] == 1


@pytest.mark.parametrize(
    ("bounds", "accepted", "not_accepted"),
    [
        ({"minimum": 0.5, "maximum": 2.5}, [1, 2], [0, 3]),
        ({"minimum": -1.5}, [-1, 2**63 - 1], [-2, 2**63]),
        ({"maximum": 1e30}, [-(2**63), 2**63 - 1], [2**63, -(2**63) - 1]),
    ],
)
def test_bounds_of_an_integer_hold_for_integers(
    bounds: dict[str, float], accepted: list[int], not_accepted: list[int]
) -> None:
    fields = [field("n", "integer", **bounds), field("at", "timestamp")]
    parser = QuestionParser(model(fields=fields, asked={"field": "at"}))
    at = "2024-05-03T13:00:00Z"
    for n in accepted:
        (question,), _ = parser.parse(json.dumps({"n": n, "at": at}).encode())
        assert shown(question.known)["n"] == n
    for n in not_accepted:
        assert refused(parser, json.dumps({"n": n, "at": at}).encode()).status == 422


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["2024-05-03T13:00:00Z", "north"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(sorted(QUESTION)) | st.text(max_size=5), inner, max_size=5
        )
    ),
    max_leaves=12,
)
almost = st.fixed_dictionaries(
    {},
    optional={
        name: st.just(value) | anything
        if name != "baked_at"
        else st.datetimes().map(str) | anything
        for name, value in QUESTION.items()
    },
)
bodies = (
    st.binary(max_size=80)
    | (anything | almost | st.lists(almost, max_size=25)).map(
        lambda each: json.dumps(each).encode()
    )
    | (anything | almost).map(
        lambda each: json.dumps(each, ensure_ascii=False).encode("utf-8", "surrogatepass")
    )
)


def _mangled(body: bytes, place: int, other: bytes) -> bytes:
    place = place % (len(body) + 1)
    return body[:place] + other + body[place + 1 :]


@given(
    body=bodies
    | st.builds(
        _mangled, st.just(orjson.dumps(QUESTION)), st.integers(0, 200), st.binary(max_size=3)
    )
)
@settings(max_examples=300, deadline=None)
def test_any_body_is_a_question_or_refused_with_a_reason(
    parser: QuestionParser, body: bytes
) -> None:
    try:
        questions, _ = parser.parse(body)
    except RefusedError as refused:
        error, questions = refused, []
    if not questions:
        assert error.status in (400, 422)
        response = refusal(error)
        assert orjson.loads(response.body)["error"]["message"]
        assert len(response.body) < 20_000
        return
    assert 1 <= len(questions) <= 20
    for question in questions:
        known = question.known
        assert known.keys() == QUESTION.keys()
        assert question.asked_at == known["baked_at"] - timedelta(minutes=60)
        assert known["trays"] is None or math.isfinite(known["trays"])
        assert "\0" not in known["shop"]
        orjson.dumps(shown(known))


@given(
    moment=st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30)), hours=st.integers(-14, 14)
)
@settings(max_examples=50, deadline=None)
def test_every_moment_of_the_calendar_is_understood(
    parser: QuestionParser, moment: datetime, hours: int
) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    (question,), _ = parser.parse(orjson.dumps({**QUESTION, "baked_at": aware.isoformat()}))
    assert question.known["baked_at"] == aware
    assert question.known["baked_at"].tzinfo is UTC
