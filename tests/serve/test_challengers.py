"""During a release: who answers whom, and a challenger that fails costs nobody an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import DECLARED, MODEL, OTHER, QUESTION, VERSION, FakeSlot, Trial, declare, scored
from .test_gateway import counted

SAID = {**scored({"shop": ["north"], "trays": [4]}), "version": OTHER}
PATIENT = {**DECLARED["serve"], "timeout_ms": 20_000}
Columns = dict[str, list[Any]]


def hanging(slot: FakeSlot) -> threading.Event:
    """From now on the slot says nothing until the event is set."""
    goes_on, says = threading.Event(), slot.says

    def wait(verb: str, columns: Columns) -> Any:
        assert goes_on.wait(30)
        return says(verb, columns)

    slot.says = wait
    return goes_on


@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_a_question_goes_where_its_sticky_fields_say(trial: Trial, path: str) -> None:
    answers = {
        variant: trial.bakery.post(path, trial.question(variant)).json
        for variant in ("champion", "challenger")
    }
    assert {name: each["variant"] for name, each in answers.items()} == {
        "champion": "champion",
        "challenger": "challenger",
    }
    assert answers["champion"]["version"] == VERSION
    assert (answers["challenger"]["version"], answers["challenger"]["score"]) == (OTHER, 0.9)
    assert [verb for verb, _ in trial.challenger.asked] == [path[1:]]


def test_the_same_shop_always_meets_the_same_version(trial: Trial) -> None:
    for variant in ("champion", "challenger"):
        asked = trial.question(variant)
        for trays in range(10):
            assert trial.bakery.predict({**asked, "trays": trays}).json["variant"] == variant


def test_the_journal_tells_who_answered_in_which_release(trial: Trial) -> None:
    trial.bakery.predict(trial.question("champion"))
    trial.bakery.predict(trial.question("challenger"))
    told = [entry.content for entry in trial.bakery.journaled()]
    assert [(each["variant"], each["slot"], each["version"]) for each in told] == [
        ("champion", "blue", VERSION),
        ("challenger", "green", OTHER),
    ]
    for each in told:
        assert each["release_id"] == trial.release.id
        assert each["fallback"] is None
        assert 0 < each["latency_ms"] < 10_000


def test_without_a_release_the_champion_answers_and_the_journal_says_so(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial()
    assert trial.bakery.predict(trial.question("challenger")).json["variant"] == "champion"
    assert trial.challenger.asked == []


def test_a_batch_is_split_and_answered_in_the_order_asked(trial: Trial) -> None:
    shops = trial.shops("challenger", 4) + trial.shops("champion", 5)
    mixed = [shops[n] for n in (4, 0, 5, 6, 1, 2, 7, 3, 8)]
    batch = [{**QUESTION, "shop": shop, "trays": n} for n, shop in enumerate(mixed)]
    answers = trial.bakery.predict(batch).json
    variants = ["challenger" if shop in shops[:4] else "champion" for shop in mixed]
    assert [each["variant"] for each in answers] == variants
    assert [each["score"] for each in answers] == [
        0.9 if variant == "challenger" else n / 100 for n, variant in enumerate(variants)
    ]
    entries = trial.bakery.journaled()
    assert [entry.seq for entry in entries] == [*range(1, 10)], "one append, in the order asked"
    for entry, answer, question in zip(entries, answers, batch, strict=True):
        assert entry.content["prediction_id"] == answer["prediction_id"]
        assert entry.content["request"]["shop"] == question["shop"]
        assert entry.content["features"]["trays"] == question["trays"]


def test_both_arms_of_a_batch_are_asked_at_once(make_trial: Callable[..., Trial]) -> None:
    trial = make_trial(weight=0.5, serve=PATIENT)
    together = threading.Barrier(2)

    def met(says: Callable[[str, Columns], Any]) -> Callable[[str, Columns], Any]:
        def say(verb: str, columns: Columns) -> Any:
            together.wait(15)  # breaks, and the slot fails, when the other is not asked meanwhile
            return says(verb, columns)

        return say

    trial.challenger.says = met(trial.challenger.says)
    trial.bakery.slot.says = met(trial.bakery.slot.says)
    batch = [trial.question(variant) for variant in ("champion", "challenger")]
    answers = trial.bakery.predict(batch).json
    assert [each["variant"] for each in answers] == ["champion", "challenger"]


def test_a_growing_weight_takes_shops_from_the_champion_only(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial(serve={**DECLARED["serve"], "max_batch": 200})
    batch = [{**QUESTION, "shop": f"shop {n}"} for n in range(200)]
    before: set[int] = set()
    for weight in (0.1, 0.4, 0.8):
        trial.move(weight)
        answers = trial.bakery.predict(batch).json
        challenged = {n for n, each in enumerate(answers) if each["variant"] == "challenger"}
        assert before < challenged
        before = challenged


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((500, b"Internal Server Error"), "the server answered 500"),
        ((422, b"{}"), "the server answered 422"),
        ((302, b""), "the server answered 302"),
        (b"", "answer is wrong"),
        (b"\x80\x04}q\x00.", "answer is wrong"),
        ({**SAID, "version": VERSION}, f"runs version {VERSION}, not {OTHER}"),
        ({**SAID, "scores": [float("nan")]}, "scores.0 is wrong"),
        ({**SAID, "scores": [float("inf")]}, "scores.0 is wrong"),
        ({**SAID, "scores": [None]}, "scores.0 is wrong"),
        ({**SAID, "scores": [1.01]}, "no probability"),
        ({**SAID, "scores": []}, "did not give 1 whole answers"),
        ({"version": OTHER, "scores": [0.5]}, "unknown is wrong"),
    ],
)
def test_the_champion_answers_for_a_challenger_that_says_nonsense(
    trial: Trial, said: Any, why: str
) -> None:
    before = counted("perennial_fallbacks_total", model=MODEL, version=OTHER)
    trial.challenger.says = lambda verb, columns: said
    reply = trial.bakery.predict(trial.question("challenger"))
    assert (reply.status, reply.json["variant"], reply.json["version"]) == (
        200,
        "champion",
        VERSION,
    )
    (entry,) = trial.bakery.journaled()
    assert (entry.content["variant"], entry.content["slot"]) == ("champion", "blue")
    fallback = entry.content["fallback"]
    assert fallback["version"] == OTHER
    assert why in fallback["why"]
    assert 0 < fallback["latency_ms"] <= entry.content["latency_ms"]
    assert counted("perennial_fallbacks_total", model=MODEL, version=OTHER) == before + 1
    assert trial.bakery.journaled("failure") == []


@pytest.mark.parametrize("missing", ["base", "reasons"])
def test_half_an_explanation_is_answered_by_the_champion(trial: Trial, missing: str) -> None:
    whole = trial.answer("explain", {"shop": ["x"], "trays": [4]})
    half = {name: value for name, value in whole.items() if name != missing}
    trial.challenger.says = lambda verb, columns: half
    assert trial.bakery.post("/explain", trial.question("challenger")).json["variant"] == "champion"


def test_half_a_batch_of_the_challenger_is_answered_by_the_champion(trial: Trial) -> None:
    trial.challenger.says = lambda verb, columns: SAID  # one row, whatever was asked
    shops = [*trial.shops("challenger", 3), *trial.shops("champion", 2)]
    batch = [{**QUESTION, "shop": shop, "trays": n} for n, shop in enumerate(shops)]
    answers = trial.bakery.predict(batch).json
    assert [each["score"] for each in answers] == [0.0, 0.01, 0.02, 0.03, 0.04]
    told = [entry.content["fallback"] for entry in trial.bakery.journaled()]
    assert [each is not None for each in told] == [True] * 3 + [False] * 2


def test_a_challenger_that_is_gone_costs_nobody_an_answer(trial: Trial) -> None:
    trial.challenger.stop()
    reply = trial.bakery.predict(trial.question("challenger"))
    assert (reply.status, reply.json["variant"]) == (200, "champion")
    (entry,) = trial.bakery.journaled()
    assert "ConnectionRefusedError" in entry.content["fallback"]["why"]


def test_a_challenger_that_hangs_leaves_the_champion_its_time(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial(weight=0.5, serve={**DECLARED["serve"], "timeout_ms": 2000})
    goes_on = hanging(trial.challenger)
    champion = trial.bakery.slot.says

    def slow(verb: str, columns: Columns) -> Any:
        time.sleep(0.6)  # within the half that is left
        return champion(verb, columns)

    trial.bakery.slot.says = slow
    begun = time.monotonic()
    reply = trial.bakery.predict(trial.question("challenger"))
    assert time.monotonic() - begun < 2
    goes_on.set()
    assert (reply.status, reply.json["variant"]) == (200, "champion")
    (entry,) = trial.bakery.journaled()
    assert 900 < entry.content["fallback"]["latency_ms"] < 1500
    assert "TimeoutError" in entry.content["fallback"]["why"]


def test_a_challenger_that_hangs_is_left_alone_and_tried_again_later(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial(weight=0.5, serve={**DECLARED["serve"], "timeout_ms": 1000})
    goes_on = hanging(trial.challenger)
    asked = trial.question("challenger")
    for _ in range(3):
        assert trial.bakery.predict(asked).json["variant"] == "champion"
    n_asked = len(trial.challenger.asked)
    begun = time.monotonic()
    for _ in range(3):
        assert trial.bakery.predict(asked).json["variant"] == "champion"
    assert time.monotonic() - begun < 0.4, "nobody waits for it"
    assert len(trial.challenger.asked) == n_asked
    assert "not asked now" in trial.bakery.journaled()[-1].content["fallback"]["why"]
    goes_on.set()
    trial.bakery.until(lambda: len(trial.challenger.asked) == n_asked)
    deadline = time.monotonic() + 20
    while trial.bakery.predict(asked).json["variant"] != "challenger":
        assert time.monotonic() < deadline
    assert trial.bakery.predict(asked).json["variant"] == "challenger", "it does not flap"


def test_when_both_fail_the_failure_is_the_challenger_s_and_tells_both(trial: Trial) -> None:
    trial.challenger.says = lambda verb, columns: (500, b"")
    trial.bakery.slot.says = lambda verb, columns: (503, b"")
    reply = trial.bakery.predict([trial.question("challenger")] * 3)
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) >= 1
    (entry,) = trial.bakery.journaled("failure")
    told = entry.content
    assert (told["variant"], told["version"], told["n"]) == ("challenger", OTHER, 3)
    assert (told["release_id"], told["code"]) == (trial.release.id, "unavailable")
    assert told["asked_at"] == "2024-05-03T12:00:00Z"
    assert "answered 503" in told["why"]
    assert "answered 500" in told["why"]
    assert len(trial.bakery.slot.asked) == len(trial.challenger.asked) == 1, "nobody tries again"


def test_a_champion_that_is_gone_leaves_the_challenger_its_callers(trial: Trial) -> None:
    trial.bakery.slot.stop()
    assert trial.bakery.predict(trial.question("challenger")).json["variant"] == "challenger"
    begun = time.monotonic()
    reply = trial.bakery.predict(trial.question("champion"))
    assert time.monotonic() - begun < 2
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    (entry,) = trial.bakery.journaled("failure")
    assert (entry.content["variant"], entry.content["version"]) == ("champion", VERSION)
    batch = [trial.question("champion"), trial.question("challenger")]
    assert trial.bakery.predict(batch).status == 503, "a batch is answered whole or not at all"
    assert [entry.content["n"] for entry in trial.bakery.journaled("failure")] == [1, 1]


def test_a_challenger_is_asked_by_the_declarations_of_its_own_day(
    make_trial: Callable[..., Trial],
) -> None:
    """A version that needs other features can be released while the old one goes on."""
    trial = make_trial(weight=0.5)
    assert trial.bakery.predict(trial.question("challenger")).json["variant"] == "challenger"
    ((_, columns),) = trial.challenger.asked
    assert columns["trays"] == [4.0]
    versions = trial.bakery.gateway.desks[MODEL].versions
    fields = [
        {**each, "feature": False} if each["name"] == "trays" else each
        for each in DECLARED["request"]["fields"]
    ]
    declare(trial.bakery.project, request={**DECLARED["request"], "fields": fields})
    del versions._of[OTHER]
    trial.move(weight=0.5)
    trial.bakery.predict([trial.question("challenger"), trial.question("champion")])
    assert "trays" not in trial.challenger.asked[-1][1]
    assert trial.bakery.slot.asked[-1][1]["trays"] == [4.0]
    assert trial.bakery.journaled()[-2].content["features"].keys().isdisjoint({"trays"})
