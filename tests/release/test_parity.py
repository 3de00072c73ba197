"""What answers were made from is what it should have been, or is named with both values."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.features.refill import refill
from perennial.keep import release_changes
from perennial.keep.journal import read
from perennial.keep.ledger import Ledger
from perennial.keep.watermark import Watermark, record
from perennial.release.parity_run import recompute

from ..features.market import MODEL, write_mart  # noqa: TID252  # tests are no installed package
from .parity_world import BEFORE, Market, filled, patch

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
NOW = BEFORE + HOUR


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return filled(tmp_path_factory.mktemp("parity") / "market")


@pytest.fixture
def market(prepared: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    patch(monkeypatch)
    shutil.copytree(prepared.root, tmp_path / "market")
    made = Market(Project(tmp_path / "market", prepared.settings))
    yield made
    made.close()


def journaled(market: Market) -> list[dict[str, Any]]:
    return [entry.content for entry in read(market.answers.folder)]


@pytest.mark.faults
def test_a_thousand_answers_are_recomputed_value_by_value_fresh_ones_included(
    market: Market,
) -> None:
    market.live(NOW, n_steps=120, questions=9)
    found = market.parity()
    assert (found.n_answers, found.n_mismatches, found.outcome) == (1000, 0, "passed")
    assert found.n_values == 1000 * len(market.online.inputs.names)
    assert found.left_out == {}
    known = [entry["features"]["crowd__mood"] for entry in journaled(market)]
    assert len(set(known)) == 3  # calm, merry, and nothing known of a stall


@pytest.mark.faults
def test_a_spoiled_online_value_is_named_with_feature_entity_and_both_values(
    market: Market,
) -> None:
    now = market.live(NOW, n_steps=20)
    market.visit("stall 7", now)
    market.freshener.tick()
    truth = market.ask("stall 7", now + SECOND)["features"]["rush__pairs"]
    market.spoil("stall 7", 90)
    market.ask("stall 7", now + 2 * SECOND)
    found = market.parity()
    assert found.outcome == "failed"
    assert found.by_feature == {"rush__pairs": 1}
    (example,) = found.examples
    assert (example.feature, example.entity) == ("rush__pairs", {"stall": "stall 7"})
    assert (example.logged, example.recomputed) == (45.0, truth)
    assert f"rush__pairs of stall=stall 7 at {now + 2 * SECOND:%Y-%m-%dT%H:%M:%SZ}" in found.says
    assert f"logged 45.0, recomputed {truth}" in found.says


@pytest.mark.faults
@pytest.mark.parametrize(("seconds", "outcome"), [(1, "passed"), (3, "failed")])
def test_what_is_not_fresh_yet_is_right_as_long_as_is_promised(
    market: Market, seconds: int, outcome: str
) -> None:
    market.visit("stall 1", NOW)
    market.freshener.tick()
    market.visit("stall 1", NOW + MINUTE)  # and the freshener does not see it
    market.ask("stall 1", NOW + MINUTE + seconds * SECOND)
    found = market.parity()
    assert (found.n_answers, found.outcome) == (1, outcome)
    if outcome == "failed":
        (example,) = found.examples
        assert (example.feature, example.logged, example.recomputed) == ("rush__pairs", 0.5, 1.0)


def test_any_state_within_the_promise_is_right(market: Market) -> None:
    now = NOW
    for second in range(5):  # five changes within two seconds; the third is what was seen
        now = NOW + second * 0.4 * SECOND
        market.visit("stall 1", now)
        if second == 2:
            market.freshener.tick()
    market.ask("stall 1", now + 0.1 * SECOND)
    assert market.parity().outcome == "passed"


def test_many_answers_of_a_broken_freshener_are_told_without_looking_at_each_closely(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perennial.release.parity.AT_A_TIME", 4)
    for minute in range(20):  # nobody takes these
        market.visit("stall 1", NOW + minute * MINUTE)
    for minute in range(1, 20):
        market.ask("stall 1", NOW + minute * MINUTE + 10 * SECOND)
    found = market.parity()
    assert (found.n_answers, found.outcome) == (19, "failed")
    assert found.by_feature == {"crowd__mood": 19, "rush__pairs": 19}
    assert len(found.examples) == 5


def test_what_was_told_in_steps_is_right_by_what_was_known(market: Market) -> None:
    """Events of an hour are told together, as when past days are lived: questions see the last."""
    for minute in range(30):
        market.visit("stall 1", NOW + minute * MINUTE, late=HOUR - minute * MINUTE)
    market.freshener.tick()
    for minute in range(31, 60, 7):
        market.visit("stall 1", NOW + minute * MINUTE, late=2 * HOUR - minute * MINUTE)
        market.ask("stall 1", NOW + HOUR + SECOND, asked_at=NOW + (minute + 1) * MINUTE)
    market.freshener.tick()
    assert market.parity().outcome == "passed"


def test_what_each_view_gives_is_narrowed_before_views_are_combined(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perennial.release.parity.MOST_WAYS", 1)
    test_what_was_told_in_steps_is_right_by_what_was_known(market)


def test_an_event_that_comes_late_changes_no_answer_from_before_it(market: Market) -> None:
    market.visit("stall 1", NOW)
    market.freshener.tick()
    market.ask("stall 1", NOW + MINUTE)
    market.visit("stall 1", NOW - MINUTE, late=5 * MINUTE)
    market.freshener.tick()
    market.ask("stall 1", NOW + 10 * MINUTE)
    assert [each["features"]["rush__pairs"] for each in journaled(market)] == [0.5, 1.0]
    assert market.parity().outcome == "passed"


def test_a_row_that_is_posted_again_counts_as_it_was_known_then(market: Market) -> None:
    market.visit("stall 1", NOW)
    market.freshener.tick()
    market.ask("stall 1", NOW + MINUTE)
    row = {"visit": 1, "stall": "stall 1", "n": 9, "entered_at": NOW}
    market.visits.append([{"received_at": NOW + 2 * MINUTE, "row": row}])
    market.freshener.tick()
    market.ask("stall 1", NOW + 3 * MINUTE)
    assert [each["features"]["crowd__mood"] for each in journaled(market)] == ["calm", "merry"]
    assert market.parity().outcome == "passed"


def test_of_a_quiet_entity_the_lake_tells(market: Market) -> None:
    day = (NOW - HOUR).date()
    write_mart(
        market.project, "crowd", day, stall=["stall 3"], n_people=[12], mood=["merry"],
        event_timestamp=[NOW - MINUTE],
    )  # fmt: skip
    refill(market.project, NOW)
    market.visit("stall 4", NOW)
    market.freshener.tick()
    entry = market.ask("stall 3", NOW + MINUTE)
    assert entry["features"]["rush__pairs"] == 6.0
    assert market.parity().outcome == "passed"


def test_what_the_lake_learned_later_excuses_no_silent_freshener(market: Market) -> None:
    market.visit("stall 3", NOW - 2 * MINUTE)
    market.freshener.tick()
    market.visit("stall 3", NOW)  # nobody takes it
    market.ask("stall 3", NOW + MINUTE)
    write_mart(
        market.project, "crowd", NOW.date(), stall=["stall 3"], n_people=[1], mood=["calm"],
        event_timestamp=[NOW - 2 * MINUTE],
    )  # fmt: skip  # the lake is as far as the online store was
    assert market.parity().outcome == "failed"


@pytest.mark.faults
@pytest.mark.parametrize(("hours", "outcome"), [(2, "passed"), (7, "failed")])
def test_a_night_that_was_not_brought_online_is_found(
    market: Market, hours: int, outcome: str
) -> None:
    write_mart(
        market.project, "prices", NOW.date() + timedelta(days=1), stall=["stall 5"],
        fruit_number=[1], price=[9.5], is_ripe=[True], event_timestamp=[NOW],
    )  # fmt: skip
    market.ask("stall 5", NOW + hours * HOUR)
    found = market.parity()
    assert found.outcome == outcome
    if outcome == "failed":
        assert found.by_feature == {"prices__price": 1, "prices__is_ripe": 1}
        price = found.examples[0]
        assert price.entity == {"stall": "stall 5", "fruit_number": 1}
        assert (price.logged, price.recomputed) == (0.5, 9.5)


def test_a_value_from_after_the_question_s_own_time_is_held_against_a_later_night(
    market: Market,
) -> None:
    midnight = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC) + timedelta(days=1)
    write_mart(
        market.project, "prices", midnight.date(), stall=["stall 5"], fruit_number=[1],
        price=[9.5], is_ripe=[True], event_timestamp=[midnight],
    )  # fmt: skip
    refill(market.project, midnight, only_slow=True)
    entry = market.ask("stall 5", midnight + HOUR, asked_at=midnight - HOUR)
    assert (entry["later"], entry["features"]["prices__price"]) == (["prices"], 9.5)
    assert market.parity().outcome == "passed"


def test_with_nothing_to_compare_nothing_passes(market: Market) -> None:
    found = market.parity()
    assert (found.n_answers, found.outcome) == (0, "inconclusive")
    assert found.says == "parity: no answer could be compared"


def test_what_cannot_be_compared_is_counted_and_passes_nothing(market: Market) -> None:
    market.visit("stall 1", NOW)
    market.freshener.tick()
    features = market.ask("stall 1", NOW + SECOND)["features"]
    other = market.ask("stall 1", NOW + SECOND, features={**features, "gone": 1})
    refused = market.ask("stall 1", NOW + SECOND, request={"stall": 7})
    assert market.parity_of([]).outcome == "inconclusive"
    stored = [each for each in journaled(market) if each["prediction_id"] != "answer-1"]
    found = market.parity_of(stored)
    assert other["prediction_id"] != refused["prediction_id"]
    assert (found.n_answers, found.outcome) == (0, "inconclusive")
    assert found.left_out == {
        "with other features than are declared now": 1,
        "to questions that the declared form refuses now": 1,
    }
    assert "1 left out with other features" in found.says


def test_answers_of_events_that_were_forgotten_since_are_left_out(market: Market) -> None:
    market.visit("stall 1", NOW)
    market.freshener.tick()
    market.ask("stall 1", NOW + SECOND)
    record(market.project, {"visits": Watermark(fresh_seq=1, needed_from=2, begins_at=2)})
    market.visit("stall 2", NOW + HOUR)
    market.ask("stall 9", NOW + 2 * HOUR)
    found = market.parity()
    assert found.n_answers == 1
    assert found.left_out == {"of events that were forgotten since": 1}


def test_as_many_values_of_a_feature_may_differ_as_are_declared(market: Market) -> None:
    market.live(NOW, n_steps=5)
    entries = journaled(market)
    entries[0]["features"]["n_crates"] = 5
    found = market.parity_of(entries)
    assert (found.outcome, found.by_feature) == ("failed", {"n_crates": 1})
    assert found.largest_share == 1 / len(entries)
    assert market.parity_of(entries, max_share=0.06).outcome == "passed"


@pytest.mark.faults
def test_before_a_switch_the_champions_last_answers_are_recomputed(market: Market) -> None:
    """The version that is to answer has none yet, and reads the same views."""
    ledger = Ledger.of(market.project)
    planned = release_changes.plan(MODEL, "v3", "green", night="2024-05-03", why="test")
    waits = release_changes.start(ledger, replace(planned, stable_version="v2"), "test")
    now = market.live(NOW, n_steps=20)
    answered = len(journaled(market))
    found = recompute(MODEL, waits.id, project=market.project)
    assert (found.n_answers, found.outcome) == (answered, "passed")
    market.visit("stall 7", now)
    market.freshener.tick()
    market.spoil("stall 7", 90)
    market.ask("stall 7", now + SECOND)
    found = recompute(MODEL, waits.id, project=market.project)
    assert found.outcome == "failed"
    assert found.examples[0].feature == "rush__pairs"
