"""Copies for a challenger: never shown, never waited for, bounded, and all accounted for."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from perennial.serve import shadows
from perennial.serve.splitting import is_copied

from .conftest import DECLARED, MODEL, OTHER, QUESTION, VERSION, Trial, scored
from .test_challengers import PATIENT, hanging
from .test_gateway import counted


def copies(outcome: str) -> float:
    return counted("perennial_shadow_copies_total", model=MODEL, outcome=outcome)


def copied(trial: Trial, n: int) -> list[dict[str, Any]]:
    """The entries of n copies, as soon as they are there."""
    trial.bakery.until(lambda: len(trial.bakery.journaled("shadow")) >= n)
    return [entry.content for entry in trial.bakery.journaled("shadow")]


def test_a_copy_is_answered_by_the_challenger_and_seen_in_the_journal_only(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial(shadow=1.0)
    before = copies("answered")
    answer = trial.bakery.predict(QUESTION).json
    assert (answer["variant"], answer["version"], answer["score"]) == ("champion", VERSION, 0.04)
    (told,) = copied(trial, 1)
    assert told.pop("latency_ms") > 0
    assert isinstance(told.pop("at"), str)
    assert told == {
        "kind": "shadow",
        "prediction_id": answer["prediction_id"],
        "model": MODEL,
        "version": OTHER,
        "release_id": trial.release.id,
        "score": 0.9,
        "why": None,
    }
    assert trial.challenger.asked == trial.bakery.slot.asked, "the very same features"
    assert len(trial.bakery.journaled()) == 1
    assert copies("answered") == before + 1


def test_a_copy_of_why_is_a_copy_of_what(make_trial: Callable[..., Trial]) -> None:
    trial = make_trial(shadow=1.0)
    assert trial.bakery.post("/explain", QUESTION).status == 200
    copied(trial, 1)
    assert [verb for verb, _ in trial.challenger.asked] == ["predict"]


def test_an_answer_does_not_wait_for_its_copy(make_trial: Callable[..., Trial]) -> None:
    trial = make_trial(shadow=1.0, serve=PATIENT)
    goes_on = hanging(trial.challenger)
    for _ in range(5):
        assert trial.bakery.predict(QUESTION).json["variant"] == "champion"
    assert trial.bakery.journaled("shadow") == [], "the challenger has not said anything yet"
    goes_on.set()
    ids = [entry.content["prediction_id"] for entry in trial.bakery.journaled()]
    assert sorted(each["prediction_id"] for each in copied(trial, 5)) == sorted(ids)


def test_copies_that_cannot_keep_up_are_dropped_and_counted(
    make_trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadows, "MOST_OUTSTANDING", 3)
    trial = make_trial(shadow=1.0, serve=PATIENT)
    goes_on, before = hanging(trial.challenger), copies("dropped")
    for _ in range(4):
        assert trial.bakery.predict([QUESTION] * 2).status == 200
    assert copies("dropped") == before + 2, "the fourth request's two questions"
    goes_on.set()
    assert len(copied(trial, 6)) == 6
    assert trial.bakery.predict(QUESTION).status == 200
    assert len(copied(trial, 7)) == 7, "there is room again"
    assert copies("dropped") == before + 2


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((500, b""), "the server answered 500"),
        ({**scored({"shop": ["x"], "trays": [4]}), "scores": [float("nan")]}, "scores.0 is wrong"),
        (scored({"shop": ["x"], "trays": [4]}), f"runs version {VERSION}, not {OTHER}"),
    ],
)
def test_a_copy_that_fails_says_why(make_trial: Callable[..., Trial], said: Any, why: str) -> None:
    trial = make_trial(shadow=1.0)
    trial.challenger.says = lambda verb, columns: said
    before = copies("failed")
    assert trial.bakery.predict(QUESTION).status == 200
    (told,) = copied(trial, 1)
    assert told["score"] is None
    assert why in told["why"]
    assert copies("failed") == before + 1
    assert trial.bakery.journaled("failure") == [], "somebody answered"


def test_a_challenger_that_is_gone_is_told_by_its_copies(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial(shadow=1.0)
    trial.challenger.stop()
    assert trial.bakery.predict(QUESTION).status == 200
    (told,) = copied(trial, 1)
    assert "ConnectionRefusedError" in told["why"]


def test_a_declared_share_is_copied_as_anybody_can_recompute(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial(shadow=0.3)
    batch = [{**QUESTION, "trays": n} for n in range(20)]
    answers = [answer for _ in range(5) for answer in trial.bakery.predict(batch).json]
    ids = {
        answer["prediction_id"]: answer["score"]
        for answer in answers
        if is_copied(trial.release.id, answer["prediction_id"], 0.3)
    }
    assert 10 < len(ids) < 50
    found = copied(trial, len(ids))
    assert {each["prediction_id"] for each in found} == ids.keys()
    asked = [trays / 100 for _, columns in trial.challenger.asked for trays in columns["trays"]]
    assert sorted(asked) == sorted(ids.values()), "each with its own features"


def test_only_what_the_champion_was_to_answer_is_copied(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial(weight=0.5, shadow=1.0)
    batch = [trial.question(variant) for variant in ("challenger", "champion", "challenger")]
    answers = trial.bakery.predict(batch).json
    (told,) = copied(trial, 1)
    assert told["prediction_id"] == answers[1]["prediction_id"]
    trial.challenger.says = lambda verb, columns: (500, b"")
    assert trial.bakery.predict(batch[0]).json["variant"] == "champion", "a fallback"
    assert trial.bakery.predict(batch[1]).status == 200
    assert len(copied(trial, 2)) == 2


def test_closing_waits_for_copies_but_not_for_ever(
    make_trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadows, "CLOSING_SECONDS", 0.2)
    trial = make_trial(shadow=1.0, serve=PATIENT)
    goes_on, before = hanging(trial.challenger), copies("dropped")
    assert trial.bakery.predict([QUESTION] * 3).status == 200
    begun = time.monotonic()
    trial.bakery.runner.run(trial.bakery.gateway.desks[MODEL].close())
    assert time.monotonic() - begun < 5
    goes_on.set()
    assert copies("dropped") == before + 3
    assert trial.bakery.journaled("shadow") == []


def test_closing_keeps_what_comes_in_time(make_trial: Callable[..., Trial]) -> None:
    trial = make_trial(shadow=1.0, serve={**DECLARED["serve"], "timeout_ms": 4000})
    challenger = trial.challenger.says

    def slow(verb: str, columns: dict[str, list[Any]]) -> Any:
        time.sleep(0.2)
        return challenger(verb, columns)

    trial.challenger.says = slow
    assert trial.bakery.predict(QUESTION).status == 200
    trial.bakery.runner.run(trial.bakery.gateway.desks[MODEL].close())
    assert len(trial.bakery.journaled("shadow")) == 1


def test_copies_that_a_full_disk_refuses_are_counted(
    make_trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make_trial(shadow=1.0, serve=PATIENT)
    goes_on, before = hanging(trial.challenger), copies("dropped")
    assert trial.bakery.predict(QUESTION).status == 200
    real = os.write

    def write(descriptor: int, content: Any) -> int:
        if descriptor == trial.bakery.gateway.predictions._file:
            raise OSError(errno.ENOSPC, "no space left on device")
        return real(descriptor, content)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        goes_on.set()
        trial.bakery.until(lambda: copies("dropped") == before + 1)
    assert trial.bakery.predict(QUESTION).status == 200
    assert len(copied(trial, 1)) == 1


def test_the_weights_are_told_as_metrics(make_trial: Callable[..., Trial]) -> None:
    trial = make_trial(weight=0.25, shadow=0.5)
    assert counted("perennial_challenger_weight", model=MODEL) == 0.25
    assert counted("perennial_challenger_shadow", model=MODEL) == 0.5
    answers = {"model": MODEL, "version": OTHER, "variant": "challenger"}
    before = counted("perennial_answers_total", **answers)
    trial.move(weight=0.5)
    trial.bakery.predict(trial.question("challenger"))
    assert counted("perennial_answers_total", **answers) == before + 1


def test_what_both_versions_need_is_looked_up_once(
    make_trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make_trial(weight=0.5, shadow=1.0)
    versions = trial.bakery.gateway.desks[MODEL].versions
    features, n_looked_up = versions.last.features, 0
    assert versions._of[OTHER].features is features
    real = features.look_up

    def look_up(*given: Any) -> Any:
        nonlocal n_looked_up
        n_looked_up += 1
        return real(*given)

    monkeypatch.setattr(features, "look_up", look_up)
    trial.bakery.predict(trial.question("champion"))
    copied(trial, 1)
    assert n_looked_up == 1
    trial.challenger.says = lambda verb, columns: (500, b"")
    trial.bakery.predict(trial.question("challenger"))
    assert n_looked_up == 2, "the fallback takes what was looked up for the challenger"
