"""A release of kind interleave from beginning to end: gateway, journals, clicks, controller."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from perennial.keep import releases
from perennial.release import recording
from perennial.release.controller import Controller
from perennial.release.record_history import folder_of, points
from perennial.score import fold

from ..serve.conftest import (  # noqa: TID252  # tests are no installed package
    DECLARED,
    MODEL,
    NOON,
    OTHER,
    QUESTION,
    VERSION,
    declare,
)
from .conftest import RELEASE, Window
from .customers import N_SHOWN, muddled, truth, upside_down

MakeWindow = Callable[..., Window]
MOST = 800


def preference(window: Window) -> dict[str, Any]:
    """As it was measured last, or when it settled the release."""
    record = releases.record(window.trial.bakery.ledger, window.release.id)
    told = json.loads(window.release.measured) or record[-1].measured
    return next(each for each in told if each["guardrail"] == "preference")


@pytest.mark.slow
def test_a_better_ranking_is_promoted_by_clicks(make_window: MakeWindow) -> None:
    window = make_window(old=muddled, new=truth)
    found = window.open(MOST)
    assert found.state == "promoted"
    assert "preference" in found.why
    record = releases.record(window.trial.bakery.ledger, found.id)
    assert [each.state for each in record] == ["pending", "canary", "promoted"]
    (told,) = [each for each in record[-1].measured if each["guardrail"] == "preference"]
    assert told["outcome"] == "passed"
    assert told["high"] <= 0
    assert told["n"] >= 40
    items = window.show([10.0, 60.0, 30.0]).json["items"]
    assert [each["row"] for each in items] == [1, 2, 0]
    assert [each["version"] for each in items] == [OTHER] * 3


def test_the_record_s_page_shows_the_preference_and_its_limit(make_window: MakeWindow) -> None:
    window = make_window(old=upside_down, new=truth)
    found = window.open(MOST)
    assert found.state == "promoted"
    project, ledger = window.trial.bakery.project, window.trial.bakery.ledger
    page = recording.write(project, ledger, found.id).read_text(encoding="utf-8")
    assert "interleaved queries with a click" in page
    assert "interleaved 100 %" in page
    assert recording.told(project, ledger, found.id).stretches[1].weight == 0.5
    kept = [each for each in points(folder_of(project, found.id)) if each.guardrail == "preference"]
    assert kept
    assert {each.limit for each in kept} == {0.0}


@pytest.mark.parametrize(
    "new",
    [pytest.param(muddled, marks=pytest.mark.slow), upside_down],
    ids=["muddled", "upside down"],
)
def test_a_worse_ranking_goes_back_by_clicks(
    make_window: MakeWindow, new: Callable[[float], float]
) -> None:
    window = make_window(old=truth, new=new)
    found = window.open(MOST)
    assert (found.state, "preference" in found.why) == ("rolling_back", True)
    items = window.show([10.0, 60.0, 30.0]).json["items"]
    assert [each["version"] for each in items] == [VERSION] * 3


@pytest.mark.slow
def test_an_equal_ranking_ends_with_the_champion_at_the_time_limit(
    make_window: MakeWindow,
) -> None:
    window = make_window(old=truth, new=truth)
    assert window.open(150).state == "canary"
    assert preference(window)["outcome"] == "inconclusive"
    declare(
        window.trial.bakery.project,
        release={**RELEASE, "time_limit_hours": 1e-9},
        serve=DECLARED["serve"],
    )
    window.controller = Controller(window.trial.bakery.project)
    window.tick()
    assert window.release.state == "rolling_back"
    assert "the champion stays: preference: of " in window.release.why
    assert window.show([1.0, 2.0]).json["items"][0]["version"] == VERSION


@pytest.mark.slow
def test_an_equal_ranking_is_promoted_where_a_margin_is_declared(make_window: MakeWindow) -> None:
    window = make_window(old=truth, new=truth, interleave={"min_queries": 40, "margin": 0.5})
    assert window.open(MOST).state == "promoted"


def test_each_item_is_in_the_lake_once_with_its_click(make_window: MakeWindow) -> None:
    window = make_window(old=muddled, new=truth)
    window.open(5)
    day = NOON.date()
    folded = fold(window.trial.bakery.project, MODEL, day, day + timedelta(days=1))
    assert (folded.n_answers, folded.n_labelled) == (5 * N_SHOWN, 5 * N_SHOWN)
    assert (folded.n_failures, folded.n_unmatched_labels) == (0, 0)


def test_rankings_that_nobody_clicks_decide_nothing(make_window: MakeWindow) -> None:
    window = make_window(old=muddled, new=truth)
    window.tick()
    for _ in range(60):
        window.show(window.customers.query())
    window.tick()
    assert window.release.state == "canary"
    assert preference(window)["n"] == 0


def test_a_controller_that_is_new_at_every_look_sees_the_same(make_window: MakeWindow) -> None:
    window = make_window(old=truth, new=truth)
    window.open(40)
    again = Controller(window.trial.bakery.project)
    (once, _), (twice, _) = (each.measured(window.release) for each in (window.controller, again))
    assert [each.shown() for each in once] == [each.shown() for each in twice]
    assert next(each.n for each in once if each.guardrail == "preference") > 10


def test_a_challenger_that_fails_goes_back_by_its_errors(make_window: MakeWindow) -> None:
    window = make_window(old=muddled, new=truth)
    window.trial.challenger.says = lambda verb, columns: (500, b"")
    found = window.open(MOST)
    assert (found.state, "errors" in found.why) == ("rolling_back", True)


def test_the_released_model_may_still_be_asked_for_predictions(make_window: MakeWindow) -> None:
    window = make_window(old=muddled, new=truth)
    window.tick()
    assert window.trial.bakery.predict(QUESTION).json["variant"] == "champion"
