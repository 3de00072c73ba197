"""Rankings: in the order of the scores, and during an interleaving drafted by both versions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from perennial.measure.interleaving import coins, team_draft
from perennial.serve.splitting import is_interleaved

from .conftest import DECLARED, MODEL, OTHER, QUESTION, VERSION, Bakery, Trial

PATIENT = {**DECLARED["serve"], "timeout_ms": 5000}
ITEM = {"rank", "row", "prediction_id", "score", "version", "unknown", "missing", "later"}
Columns = dict[str, list[Any]]


def query(*trays: float) -> list[dict[str, Any]]:
    return [{**QUESTION, "trays": each} for each in trays]


def upside_down(verb: str, columns: Columns) -> dict[str, Any]:
    """A challenger that ranks the other way round."""
    scores = [1 - trays / 100 for trays in columns["trays"]]
    return {"version": OTHER, "scores": scores, "unknown": [[] for _ in scores]}


@pytest.fixture
def interleaved(make_trial: Callable[..., Trial]) -> Trial:
    """Every query is interleaved, of rankings that are each other's opposite."""
    trial = make_trial(
        release={"kind": "interleave", "interleave": {}}, serve=PATIENT, kind="interleave"
    )
    trial.challenger.says = upside_down
    trial.move(weight=1.0)
    return trial


def test_a_query_is_answered_in_the_order_of_its_scores(gateway: Bakery) -> None:
    reply = gateway.post("/rank", query(10, 30, 20, 30))
    assert reply.status == 200
    told = reply.json
    assert told.keys() == {"query_id", "model", "items"}
    assert [(each["rank"], each["row"], each["score"]) for each in told["items"]] == [
        (1, 1, 0.3), (2, 3, 0.3), (3, 2, 0.2), (4, 0, 0.1),
    ]  # fmt: skip
    assert all(each.keys() == ITEM and each["version"] == VERSION for each in told["items"])
    entries = [entry.content for entry in gateway.journaled()]
    assert [each["prediction_id"] for each in entries] == [
        each["prediction_id"] for each in told["items"]
    ]
    assert [each["rank"] for each in entries] == [1, 2, 3, 4]
    assert {each["query_id"] for each in entries} == {told["query_id"]}
    assert [each["request"]["trays"] for each in entries] == [30, 30, 20, 10]
    assert [each["features"]["trays"] for each in entries] == [30, 30, 20, 10]
    assert all(each["other"] is None for each in entries)


@pytest.mark.parametrize("body", [QUESTION, [QUESTION]])
def test_fewer_than_two_items_are_no_query(gateway: Bakery, body: Any) -> None:
    reply = gateway.post(f"/rank/{MODEL}", body)
    assert (reply.status, reply.error["code"]) == (422, "batch_size")
    assert "2 items or more, got" in reply.error["message"]
    assert gateway.journaled() == []


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/rank/nothing", query(1, 2), 404, "unknown_model"),
        ("/rank", [{"shop": "north"}, QUESTION], 422, "invalid"),
        ("/rank", query(*range(21)), 422, "batch_size"),
        ("/rank", b"{", 400, "malformed"),
    ],
)
def test_what_is_no_query_is_refused_in_words(
    gateway: Bakery, path: str, body: Any, status: int, code: str
) -> None:
    reply = gateway.post(path, body)
    assert (reply.status, reply.error["code"]) == (status, code)


def test_both_versions_draft_the_ranking_and_nobody_is_told_who(interleaved: Trial) -> None:
    reply = interleaved.bakery.post("/rank", query(10, 20, 30, 40, 50))
    told = reply.json["items"]
    assert reply.status == 200
    assert sorted(each["row"] for each in told) == [0, 1, 2, 3, 4]
    assert {told[0]["row"], told[1]["row"]} == {0, 4}, "the best of both are on top"
    assert all(each["version"] is None and each["score"] is None for each in told)
    assert all(each.keys() == ITEM for each in told)
    entries = [entry.content for entry in interleaved.bakery.journaled()]
    assert {(each["variant"], each["version"], each["slot"]) for each in entries} == {
        ("champion", VERSION, "blue"),
        ("challenger", OTHER, "green"),
    }
    for entry, item in zip(entries, told, strict=True):
        trays = entry["request"]["trays"]
        assert (entry["rank"], entry["prediction_id"]) == (item["rank"], item["prediction_id"])
        by_both = {
            entry["version"]: entry["score"],
            entry["other"]["version"]: entry["other"]["score"],
        }
        assert by_both == {VERSION: trays / 100, OTHER: 1 - trays / 100}
        assert entry["features"]["trays"] == trays
        assert entry["fallback"] is None
    assert len({each["at"] for each in entries}) == 1
    assert len({(each["version"], each["latency_ms"]) for each in entries}) == 2


def test_the_journal_is_enough_to_draw_the_teams_again(interleaved: Trial) -> None:
    for _ in range(5):
        interleaved.bakery.post("/rank", query(10, 20, 30, 40, 50))
    entries = [entry.content for entry in interleaved.bakery.journaled()]
    seen = set()
    for start in range(0, 25, 5):
        shown = entries[start : start + 5]
        seed = f"{interleaved.release.id}:{shown[0]['query_id']}"
        drawn = team_draft([4, 3, 2, 1, 0], [0, 1, 2, 3, 4], coins(seed))
        assert [(each.item, each.is_new) for each in drawn] == [
            (each["request"]["trays"] / 10 - 1, each["variant"] == "challenger") for each in shown
        ]
        seen.add(tuple(each.is_new for each in drawn))
    assert len(seen) > 1


def test_predictions_and_explanations_stay_the_champion_s(interleaved: Trial) -> None:
    for path in ("/predict", "/explain"):
        answers = interleaved.bakery.post(path, query(10, 20)).json
        assert {each["variant"] for each in answers} == {"champion"}
    assert interleaved.challenger.asked == []


def test_a_share_of_the_queries_is_interleaved_and_the_champion_ranks_the_rest(
    interleaved: Trial,
) -> None:
    interleaved.move(weight=0.5)
    for _ in range(30):
        told = interleaved.bakery.post("/rank", query(10, 20)).json
        is_both = told["items"][0]["version"] is None
        assert is_both == is_interleaved(interleaved.release.id, told["query_id"], 0.5)
        if not is_both:
            assert [each["version"] for each in told["items"]] == [VERSION] * 2
    assert 5 < len(interleaved.challenger.asked) < 25


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["fails", "lies", "is gone"])
def test_a_challenger_that_fails_costs_nobody_a_ranking(interleaved: Trial, fault: str) -> None:
    if fault == "is gone":
        interleaved.challenger.stop()
    else:
        said = (500, b"") if fault == "fails" else {"version": OTHER, "scores": [1.0]}
        interleaved.challenger.says = lambda verb, columns: said
    told = interleaved.bakery.post("/rank", query(10, 30, 20)).json["items"]
    assert [(each["row"], each["version"]) for each in told] == [
        (1, VERSION), (2, VERSION), (0, VERSION),
    ]  # fmt: skip
    for entry in interleaved.bakery.journaled():
        assert entry.content["fallback"]["version"] == OTHER
        assert entry.content["fallback"]["why"]
        assert (entry.content["variant"], entry.content["other"]) == ("champion", None)


@pytest.mark.faults
def test_a_challenger_that_hangs_costs_half_of_the_time_and_then_nothing(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial(
        release={"kind": "interleave", "interleave": {}},
        serve={**DECLARED["serve"], "timeout_ms": 1000},
        kind="interleave",
    )
    trial.move(weight=1.0)
    goes_on = threading.Event()

    def hang(verb: str, columns: Columns) -> Any:
        assert goes_on.wait(30)
        return upside_down(verb, columns)

    trial.challenger.says = hang
    for _ in range(3):
        begun = time.monotonic()
        assert trial.bakery.post("/rank", query(10, 20)).status == 200
        assert time.monotonic() - begun < 1.5
    n_asked = len(trial.challenger.asked)
    begun = time.monotonic()
    for _ in range(3):
        assert trial.bakery.post("/rank", query(10, 20)).status == 200
    assert time.monotonic() - begun < 0.4, "nobody waits for it"
    assert len(trial.challenger.asked) == n_asked
    goes_on.set()


def test_a_champion_that_fails_is_a_failure_of_its_own(interleaved: Trial) -> None:
    interleaved.bakery.slot.says = lambda verb, columns: (500, b"")
    reply = interleaved.bakery.post("/rank", query(10, 20, 30))
    assert reply.status == 503
    (entry,) = interleaved.bakery.journaled("failure")
    assert (entry.content["version"], entry.content["n"]) == (VERSION, 3)
    interleaved.challenger.says = lambda verb, columns: (500, b"")
    assert interleaved.bakery.post("/rank", query(10, 20, 30)).status == 503
    failed = [each.content["version"] for each in interleaved.bakery.journaled("failure")[1:]]
    assert failed == [VERSION, OTHER]


def test_in_a_canary_a_query_goes_whole_to_one_version(trial: Trial) -> None:
    for variant, version in (("champion", VERSION), ("challenger", OTHER)):
        first, other = trial.question(variant), trial.question("champion")
        told = trial.bakery.post("/rank", [first, other, other]).json["items"]
        assert {each["version"] for each in told} == {version}


def test_in_shadow_the_ranking_is_copied_and_the_champion_s_is_shown(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial(release={"kind": "interleave", "interleave": {}}, kind="interleave")
    trial.move(shadow=1.0)
    told = trial.bakery.post("/rank", query(10, 20)).json["items"]
    assert [(each["row"], each["version"]) for each in told] == [(1, VERSION), (0, VERSION)]
    trial.bakery.until(lambda: len(trial.bakery.journaled("shadow")) == 2)


def test_a_full_disk_refuses_the_ranking(interleaved: Trial, monkeypatch: Any) -> None:
    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(interleaved.bakery.gateway.predictions, "append", full)
    reply = interleaved.bakery.post("/rank", query(10, 20))
    assert (reply.status, reply.error["code"]) == (503, "journal")


def test_a_release_is_not_interleaved_unless_it_is_of_that_kind(trial: Trial) -> None:
    route = trial.bakery.ledger.live(MODEL)
    assert route is not None
    assert not route.is_interleaved
    assert not replace(route, weight=1.0).is_interleaved
