"""What the gateway answers when all is well, and when something is not known."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import REGISTRY

from .conftest import DECLARED, MODEL, OTHER, QUESTION, VERSION, Bakery, declare, scored


def of_the_other(verb: str, columns: dict[str, list[Any]]) -> dict[str, Any]:
    """What the slot says when it runs another version, whatever it calls the trays."""
    trays = columns.get("trays") or columns["shelves"]
    return {**scored({**columns, "trays": trays}, verb), "version": OTHER}


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_question_is_answered_with_what_feast_knows(gateway: Bakery) -> None:
    reply = gateway.predict(QUESTION)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    answer = reply.json
    assert len(answer.pop("prediction_id")) == 32
    assert answer == {
        "model": MODEL,
        "version": VERSION,
        "variant": "champion",
        "asked_at": "2024-05-03T12:00:00Z",
        "score": 0.04,
        "label": "some left",
        "unknown": [],
        "missing": [],
        "later": [],
    }
    assert gateway.slot.asked == [
        (
            "predict",
            {
                "shop": ["north"],
                "trays": [4.0],
                "baking__hour": [13.0],
                "baking__degrees_over_200": [30.0],
                "shop_sales__sold_per_hour": [12.5],
                "shop_sales__top_seller": ["rye"],
            },
        )
    ]


def test_the_label_says_yes_from_the_threshold_on(make_gateway: Callable[..., Bakery]) -> None:
    gateway = make_gateway(serve={"threshold": 0.3})
    labels = [gateway.predict({**QUESTION, "trays": trays}).json["label"] for trays in (29, 30)]
    assert labels == ["some left", "sold out"]


def test_a_regression_has_no_label_and_any_finite_score(
    make_gateway: Callable[..., Bakery],
) -> None:
    judge = {"primary": "rmse", "metrics": ["rmse"], "baselines": [{"kind": "yesterday"}]}
    gateway = make_gateway(task="regression", judge=judge)
    gateway.slot.says = lambda verb, columns: {
        "version": VERSION,
        "scores": [-17.5],
        "unknown": [[]],
    }
    answer = gateway.predict(QUESTION).json
    assert (answer["score"], answer["label"]) == (-17.5, None)


def test_a_batch_is_answered_in_its_order(gateway: Bakery) -> None:
    batch = [{**QUESTION, "trays": n} for n in (3, 1, 2)]
    answers = gateway.predict(batch).json
    assert [answer["score"] for answer in answers] == [0.03, 0.01, 0.02]
    assert len({answer["prediction_id"] for answer in answers}) == 3
    assert len(gateway.slot.asked) == 1, "a batch is one question to the slot"


def test_the_model_may_be_named_in_the_path(gateway: Bakery) -> None:
    assert gateway.post(f"/predict/{MODEL}", QUESTION).json["model"] == MODEL
    assert gateway.post(f"/explain/{MODEL}", QUESTION).json["model"] == MODEL
    refused = gateway.post("/predict/sells_in", QUESTION)
    assert refused.status == 404
    assert refused.error["message"] == f"no model 'sells_in' (declared: {MODEL})"


def test_an_explanation_has_the_largest_reasons_as_many_as_declared(gateway: Bakery) -> None:
    answer = gateway.post("/explain", QUESTION).json
    assert answer["base"] == -0.25
    assert answer["reasons"] == [
        {"feature": "trays", "value": 1, "contribution": -2.0},
        {"feature": "shop", "value": 1, "contribution": 1.0},
    ]
    assert "reasons" not in gateway.predict(QUESTION).json


def test_an_unknown_category_is_answered_and_said_so(gateway: Bakery) -> None:
    reply = gateway.predict({**QUESTION, "shop": "moon"})
    assert reply.status == 200
    assert reply.json["unknown"] == [{"field": "shop", "value": "moon"}]


def test_an_entity_without_features_is_answered_with_what_is_missing(gateway: Bakery) -> None:
    before = counted("perennial_missing_features_total", model=MODEL, view="ovens")
    reply = gateway.predict({**QUESTION, "shop": "moon", "oven": 99})
    assert reply.status == 200
    assert sorted(reply.json["missing"]) == ["ovens", "shop_sales"]
    ((_, columns),) = gateway.slot.asked
    assert columns["shop_sales__sold_per_hour"] == [None]
    assert columns["shop_sales__top_seller"] == [None]
    assert columns["baking__degrees_over_200"] == [None], "on-demand views run on what is left"
    assert columns["baking__hour"] == [13.0]
    assert counted("perennial_missing_features_total", model=MODEL, view="ovens") == before + 1


@pytest.mark.parametrize("question", [{**QUESTION, "oven": None}, {**QUESTION, "oven": 99}])
def test_a_key_that_the_caller_does_not_know_is_missing(
    gateway: Bakery, question: dict[str, Any]
) -> None:
    assert gateway.predict(question).json["missing"] == ["ovens"]
    without = {name: value for name, value in question.items() if value is not None}
    assert gateway.predict(without).json["missing"] == ["ovens"]


def test_the_ttl_counts_from_the_question_s_own_time(gateway: Bakery) -> None:
    """The north was told at 10:00 and is good for six hours; questions count an hour earlier."""
    batch = [
        {**QUESTION, "baked_at": f"2024-05-03T{moment}Z"}
        for moment in ("11:00:00", "17:00:00", "17:00:01")
    ]
    assert [each["missing"] for each in gateway.predict(batch).json] == [[], [], ["shop_sales"]]
    south = gateway.predict({**QUESTION, "shop": "south"}).json
    assert south["missing"] == ["shop_sales"], "it is nine hours old at noon"
    assert gateway.slot.asked[0][1]["shop_sales__sold_per_hour"] == [12.5, 12.5, None]


def test_values_from_after_the_question_s_own_time_are_named(gateway: Bakery) -> None:
    early = gateway.predict({**QUESTION, "baked_at": "2024-05-03T10:30:00Z"}).json
    assert sorted(early["later"]) == ["ovens", "shop_sales"], "asked at 9:30, told at 10:00"
    assert gateway.journaled()[-1].content["later"] == early["later"]


def test_another_version_is_asked_by_the_declarations_of_its_day(gateway: Bakery) -> None:
    assert gateway.predict(QUESTION).status == 200
    fields = [
        {**each, "name": "shelves"} if each["name"] == "trays" else each
        for each in DECLARED["request"]["fields"]
    ]
    declare(gateway.project, request={**DECLARED["request"], "fields": fields})
    assert gateway.predict(QUESTION).status == 200, "the old version takes the old question"
    gateway.slot.says = of_the_other
    gateway.serve(OTHER)
    renewed = {"shelves" if name == "trays" else name: value for name, value in QUESTION.items()}
    deadline = time.monotonic() + 30  # the route is read a few times a second
    while gateway.predict(QUESTION).status != 422:
        assert time.monotonic() < deadline
    assert gateway.predict(renewed).json["version"] == OTHER
    assert (
        "shelves"
        in gateway.get("/openapi.json").json["components"]["schemas"][f"{MODEL}_question"][
            "properties"
        ]
    )


def test_declarations_that_cannot_be_read_leave_the_last_ones_in_force(gateway: Bakery) -> None:
    assert gateway.predict(QUESTION).status == 200
    (gateway.project.root / "models" / f"{MODEL}.yaml").write_text("task: [", encoding="utf-8")
    gateway.slot.says = of_the_other
    gateway.serve(OTHER)
    deadline = time.monotonic() + 30
    while (reply := gateway.predict(QUESTION)).status != 200 or reply.json["version"] != OTHER:
        assert reply.status in (200, 503), "the route and the slot may differ for a moment"
        assert time.monotonic() < deadline


def test_any_offset_is_the_same_moment(gateway: Bakery) -> None:
    for written in ("2024-05-03T15:00:00+02:00", "2024-05-03 13:00z", "2024-05-03T08:30-04:30"):
        answer = gateway.predict({**QUESTION, "baked_at": written}).json
        assert answer["asked_at"] == "2024-05-03T12:00:00Z"


def test_every_answer_is_journaled_with_what_it_was_made_from(gateway: Bakery) -> None:
    moon = {"shop": "moon", "baked_at": "2024-05-03T13:00:00+00:00"}
    answers = gateway.predict([{**QUESTION, "trays": 1}, moon]).json
    answers.append(gateway.post("/explain", QUESTION).json)
    entries = gateway.journaled()
    assert [entry.seq for entry in entries] == [1, 2, 3]
    for entry, answer in zip(entries, answers, strict=True):
        for name in ("prediction_id", "model", "version", "variant", "asked_at", "score"):
            assert entry.content[name] == answer[name]
        assert entry.content["slot"] == "blue"
        at = datetime.fromisoformat(entry.content["at"])
        assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert entries[1].content["request"] == {
        "shop": "moon",
        "oven": None,
        "trays": None,
        "baked_at": "2024-05-03T13:00:00Z",
    }
    assert entries[1].content["features"] == {
        "shop": "moon",
        "trays": None,
        "baking__hour": 13.0,
        "baking__degrees_over_200": None,
        "shop_sales__sold_per_hour": None,
        "shop_sales__top_seller": None,
    }


def test_answers_are_counted(gateway: Bakery) -> None:
    labels = {"model": MODEL, "version": VERSION, "variant": "champion"}
    before = counted("perennial_answers_total", **labels)
    seconds = counted("perennial_answer_seconds_count", model=MODEL)
    refused = counted("perennial_refusals_total", code="invalid")
    unsupported = counted("perennial_refusals_total", code="unsupported")
    gateway.predict([QUESTION] * 3)
    gateway.predict({})
    gateway.post("/predict", b"x", "text/plain")
    assert counted("perennial_answers_total", **labels) == before + 3
    assert counted("perennial_answer_seconds_count", model=MODEL) == seconds + 1
    assert counted("perennial_refusals_total", code="invalid") == refused + 1
    assert counted("perennial_refusals_total", code="unsupported") == unsupported + 1


def test_it_is_ready_when_every_model_has_a_slot(gateway: Bakery) -> None:
    assert gateway.runner.run(gateway.gateway.is_ready())


@pytest.mark.parametrize("path", ["/", "/nothing", "/predict/a/b", "/events"])
def test_an_unknown_path_is_told_in_the_same_shape(gateway: Bakery, path: str) -> None:
    for reply in (gateway.get(path), gateway.post(path, {})):
        assert reply.status == 404
        assert reply.error["code"] == "unknown_path"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_a_wrong_method_is_told_with_the_right_ones(gateway: Bakery, method: str) -> None:
    reply = gateway.ask(method, "/predict", b"{}", "application/json")
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"
    assert reply.error["code"] == "wrong_method"
