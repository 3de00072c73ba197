"""What each policy calls for, and whether that is open: tables of cases, nothing is read."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, get_args

import pytest
from tests.decide.nights import NIGHT, facts, finding, release, watched

from perennial.decide.considering import considered
from perennial.decide.deciding import settle
from perennial.decide.facts import Facts
from perennial.decide.policies import POLICIES, Wish
from perennial.declare.decide import TRAININGS, Decision

WORSE = watched("worse", finding("performance"))
DRIFTED = watched("drifted", finding("feature_drift"))
BROKEN = watched("broken", finding("data_quality"), finding("feature_drift"))


def chosen(given: Facts) -> Wish:
    every = {each.decision: each for each in considered(given)}
    return settle(POLICIES[given.declared.policy](given), every)


@pytest.mark.parametrize(
    ("report", "decision"),
    [
        (watched("quiet"), "stand_by"),
        (watched("suspected", finding("feature_drift", "suspected")), "stand_by"),
        (watched("unknown"), "stand_by"),
        (DRIFTED, "retrain"),
        (watched("drifted", finding("prediction_drift")), "retrain"),
        (watched("drifted", finding("label_drift")), "retrain"),
        (WORSE, "retrain"),
        (watched("worse", finding("performance"), finding("calibration")), "retrain"),
        (watched("drifted", finding("label_drift"), finding("calibration")), "retrain"),
        (watched("drifted", finding("calibration")), "stand_by"),
        (watched("worse", finding("performance"), finding("calibration", "note")), "retrain"),
        (BROKEN, "repair_data"),
        (watched("unknown", finding("data_quality")), "repair_data"),
        (watched("unknown", finding("performance")), "retrain"),
        (watched("quiet", finding("service")), "stand_by"),
        (watched("worse", finding("performance"), version="another"), "stand_by"),
    ],
)
def test_watched_answers_each_situation(report: Any, decision: str) -> None:
    assert chosen(facts(report)).decision == decision


@pytest.mark.parametrize(
    ("field", "report"),
    [
        ("on_drift", DRIFTED),
        ("on_worse", WORSE),
        ("on_broken_data", BROKEN),
        ("on_unknown", watched("unknown")),
        ("on_miscalibrated", watched("drifted", finding("calibration"))),
    ],
)
@pytest.mark.parametrize("decision", ["stand_by", "update", "ask_a_person"])
def test_watched_answers_as_declared(field: str, report: Any, decision: str) -> None:
    found = chosen(facts(report, {field: decision}))
    assert found.decision == decision
    assert f"decide.{field}" in found.why


@pytest.mark.parametrize("decision", ["recalibrate", "update", "ask_a_person"])
def test_mending_the_level_goes_before_what_it_mends(decision: str) -> None:
    worse = watched("worse", finding("performance"), finding("calibration"))
    assert chosen(facts(worse, {"on_miscalibrated": decision})).decision == decision


@pytest.mark.parametrize("report", [watched(), DRIFTED, WORSE, BROKEN])
def test_never_stands_by_whatever_was_found(report: Any) -> None:
    assert chosen(facts(report, {"policy": "never"})).decision == "stand_by"


@pytest.mark.parametrize("report", [watched(), DRIFTED, BROKEN])
@pytest.mark.parametrize(
    ("days_ago", "decision"), [(1, "stand_by"), (6, "stand_by"), (7, "update"), (20, "update")]
)
def test_calendar_trains_every_so_many_nights_whatever_was_found(
    report: Any, days_ago: int, decision: str
) -> None:
    declared = {"policy": "calendar", "calendar": "update", "every_nights": 7}
    last = NIGHT - timedelta(days=days_ago)
    by_decision = facts(report, declared, trainings=(last,), trained_at=date(2024, 1, 1))
    by_champion = facts(report, declared, trained_at=last)
    assert chosen(by_decision).decision == chosen(by_champion).decision == decision


def test_a_training_on_behalf_of_this_night_or_later_does_not_count() -> None:
    declared = {"policy": "calendar", "every_nights": 7}
    assert chosen(facts(declared=declared, trained_at=NIGHT)).decision == "retrain"


@pytest.mark.parametrize(("days_ago", "is_open"), [(1, False), (3, False), (4, True)])
def test_cool_down_lasts_as_many_nights_as_declared(days_ago: int, is_open: bool) -> None:
    last = NIGHT - timedelta(days=days_ago)
    found = chosen(facts(WORSE, {"cool_down_nights": 3}, trainings=(last,)))
    assert found.decision == ("retrain" if is_open else "stand_by")
    if not is_open:
        assert f"cool-down lasts until {last + timedelta(days=3)}" in found.why
        assert found.why.startswith("retrain is called for, but not now")


def test_budget_counts_trainings_of_the_last_nights_only() -> None:
    declared = {"cool_down_nights": 0, "budget": {"trainings": 2, "nights": 10}}
    ago = [NIGHT - timedelta(days=each) for each in (5, 9, 10)]
    assert chosen(facts(WORSE, declared, trainings=tuple(ago))).decision == "stand_by"
    assert chosen(facts(WORSE, declared, trainings=(ago[0], ago[2]))).decision == "retrain"
    none = {"budget": {"trainings": 0}}
    assert "use up decide.budget of 0" in chosen(facts(WORSE, none)).why


@pytest.mark.parametrize("state", ["pending", "shadow", "canary", "promoted", "rolling_back"])
@pytest.mark.parametrize("policy", ["watched", "calendar"])
def test_no_training_while_a_release_is_under_way_or_armed(state: Any, policy: str) -> None:
    declared = {"policy": policy, "every_nights": 1}
    found = chosen(facts(DRIFTED, declared, release=release(state)))
    assert found.decision == "stand_by"
    assert "release 0 of" in found.why


def test_worse_after_a_release_rolls_back_while_the_old_version_is_warm() -> None:
    found = chosen(facts(WORSE, release=release("promoted")))
    assert found.decision == "roll_back"
    assert "decide.on_worse_after_release" in found.why


@pytest.mark.parametrize("state", ["pending", "shadow", "canary", "rolling_back"])
def test_what_watch_says_of_the_champion_rolls_no_challenger_back(state: Any) -> None:
    given = facts(WORSE, release=release(state, "challenger"))
    assert chosen(given).decision == "stand_by"
    assert not next(each for each in considered(given) if each.decision == "roll_back").is_open


def test_worse_without_a_warm_version_trains_instead_of_rolling_back() -> None:
    assert chosen(facts(WORSE)).decision == "retrain"
    found = chosen(facts(WORSE, {"on_worse": "roll_back"}))
    assert found.decision == "stand_by"
    assert "no warm version" in found.why


def test_a_report_about_a_version_before_rolls_nothing_back() -> None:
    outdated = watched("worse", finding("performance"), version="another")
    found = chosen(facts(outdated, release=release("promoted")))
    assert found.decision == "stand_by"
    assert "not about what serves now" in found.why


@pytest.mark.parametrize(
    ("decision", "n_new", "is_open"),
    [
        *((each, 0, False) for each in TRAININGS),
        *((each, -5, False) for each in TRAININGS),
        ("retrain", 1, True),
        ("update", 1, True),
        ("recalibrate", 1, False),  # one day for the line, another to try it on
        ("recalibrate", 2, True),
    ],
)
def test_a_training_needs_days_that_what_serves_has_not_learned_from(
    decision: str, n_new: int, is_open: bool
) -> None:
    learned_until = date(2024, 2, 3) - timedelta(days=n_new)
    found = chosen(facts(WORSE, {"on_worse": decision}, learned_until=learned_until))
    assert found.decision == (decision if is_open else "stand_by")
    assert is_open or "judge.held_back_days" in found.why


def test_where_nothing_serves_only_retraining_is_open() -> None:
    report = watched("unknown", version=None)
    nothing: dict[str, Any] = {"serves": None, "learned_until": None, "trained_at": None}
    assert chosen(facts(report, **nothing)).decision == "stand_by"
    assert chosen(facts(report, {"on_unknown": "retrain"}, **nothing)).decision == "retrain"
    assert chosen(facts(report, {"on_unknown": "update"}, **nothing)).decision == "stand_by"


@pytest.mark.parametrize(("regret", "decision"), [(9.9, "stand_by"), (10.0, "retrain")])
@pytest.mark.parametrize("report", [WORSE, DRIFTED])
def test_a_training_waits_until_regret_reaches_its_cost(
    report: Any, regret: float, decision: str
) -> None:
    assert chosen(facts(report, {"training_cost": 10}, regret=regret)).decision == decision


def test_every_decision_is_considered_and_none_closed_without_a_reason() -> None:
    for given in (facts(), facts(WORSE, release=release("canary"), trainings=(NIGHT,))):
        every = considered(given)
        assert [each.decision for each in every] == list(get_args(Decision))
        assert all(each.why for each in every)
        is_open = {each.decision for each in every if each.is_open}
        assert {"stand_by", "repair_data", "ask_a_person"} <= is_open


@pytest.mark.parametrize(
    ("policy", "report", "decision"),
    [
        ("drift", DRIFTED, "retrain"),
        ("drift", WORSE, "stand_by"),
        ("drift", watched("worse", finding("performance"), finding("label_drift")), "retrain"),
        ("drift", watched("suspected", finding("feature_drift", "suspected")), "stand_by"),
        ("drift", watched("drifted", finding("feature_drift"), version="another"), "stand_by"),
        ("performance", WORSE, "retrain"),
        ("performance", DRIFTED, "stand_by"),
        ("performance", watched("unknown", finding("performance")), "retrain"),
        ("performance", watched("worse", finding("performance"), version="another"), "stand_by"),
    ],
)
def test_a_trigger_looks_at_its_own_findings_alone(policy: str, report: Any, decision: str) -> None:
    assert chosen(facts(report, {"policy": policy})).decision == decision


def test_triggers_act_as_declared() -> None:
    cases = [("drift", DRIFTED, "on_drift"), ("performance", WORSE, "on_worse")]
    for policy, report, field in cases:
        declared = {"policy": policy, field: "update"}
        assert chosen(facts(report, declared)).decision == "update"


def test_listed_trains_on_its_nights_alone() -> None:
    declared = {"policy": "listed", "nights": [str(NIGHT)], "calendar": "update"}
    assert chosen(facts(WORSE, declared)).decision == "update"
    other = facts(WORSE, declared, night=NIGHT + timedelta(days=1))
    assert chosen(other).decision == "stand_by"


@pytest.mark.parametrize("policy", ["watched", "drift", "performance"])
def test_a_training_comes_at_the_latest_after_the_declared_nights(policy: str) -> None:
    declared = {"policy": policy, "at_least_every_nights": 9, "calendar": "update"}
    for days_ago, decision in ((8, "stand_by"), (9, "update"), (20, "update")):
        quiet = facts(declared=declared, trained_at=NIGHT - timedelta(days=days_ago))
        assert chosen(quiet).decision == decision
    decided = facts(declared=declared, trained_at=NIGHT - timedelta(days=20),
                    trainings=(NIGHT - timedelta(days=5),))  # fmt: skip
    assert chosen(decided).decision == "stand_by"


def test_recalibrations_do_not_put_off_the_latest_training() -> None:
    nights = [NIGHT - timedelta(days=each) for each in (4, 12, 20)]
    declared = {"at_least_every_nights": 9, "calendar": "update"}
    cases = [((), "update"), (tuple(nights[1:]), "update"), ((nights[0],), "stand_by")]
    for learnings, decision in cases:
        given = facts(
            declared=declared, trained_at=nights[0], trainings=tuple(nights), learnings=learnings
        )
        assert chosen(given).decision == decision


def test_what_watch_found_goes_before_the_calendar() -> None:
    declared = {"at_least_every_nights": 9, "calendar": "update"}
    given = facts(BROKEN, declared, trained_at=NIGHT - timedelta(days=20))
    assert chosen(given).decision == "repair_data"
