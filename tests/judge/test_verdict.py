from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perennial.declare.judge import Judge
from perennial.judge import verdict
from perennial.judge.judged import Beside, Check, Value

EXACT = Value(estimate=0.7, low=0.6, high=0.8)


def declared(**fields: Any) -> Judge:
    return Judge.model_validate(
        {
            "primary": "roc_auc",
            "metrics": ["roc_auc", "log_loss"],
            "baselines": [{"kind": "yesterday"}],
            "min_rows": 10,
            **fields,
        }
    )


def beside(low: float | None, high: float | None) -> Beside:
    middle = None if low is None or high is None else (low + high) / 2
    return Beside(opponent=EXACT, difference=Value(estimate=middle, low=low, high=high))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_no_number_fails(bad: float) -> None:
    assert verdict.check_scores(np.array([0.5, bad])).outcome == "failed"
    assert verdict.check_scores(np.array([0.5, 0.6])).outcome == "passed"


def test_too_few_rows_are_unknown() -> None:
    labels = np.array([0.0, 1.0] * 4)
    check = verdict.check_evidence(labels, 3, "binary", declared())
    assert check.outcome == "unknown"
    assert "8 rows have a known label, judge.min_rows asks for 10" in check.sentence
    assert verdict.check_evidence(np.tile(labels, 2), 3, "binary", declared()).outcome == "passed"


def test_one_class_is_unknown_for_binary_alone() -> None:
    ones = np.ones(20)
    assert verdict.check_evidence(ones, 3, "binary", declared()).outcome == "unknown"
    assert verdict.check_evidence(ones, 3, "regression", declared()).outcome == "passed"


def test_no_rows_are_unknown() -> None:
    assert verdict.check_evidence(np.array([]), 0, "binary", declared()).outcome == "unknown"


@pytest.mark.parametrize(
    ("limits", "outcomes"),
    [
        ({"roc_auc": 0.7}, ["passed"]),  # a floor, met exactly
        ({"roc_auc": 0.71}, ["failed"]),
        ({"log_loss": 0.7}, ["passed"]),  # a ceiling, met exactly
        ({"log_loss": 0.69}, ["failed"]),
        ({"roc_auc": 0.9, "log_loss": 0.9}, ["failed", "passed"]),
        ({}, ["passed"]),
    ],
)
def test_limits_are_floors_or_ceilings(limits: dict[str, float], outcomes: list[str]) -> None:
    checks = verdict.check_limits({"roc_auc": EXACT, "log_loss": EXACT}, declared(limits=limits))
    assert [check.outcome for check in checks] == outcomes


def test_undeclared_limits_are_said() -> None:
    assert "no judge.limits are declared" in verdict.check_limits({}, declared())[0].sentence


def test_undefined_metric_leaves_its_limit_unknown() -> None:
    nothing = Value(estimate=None, low=None, high=None)
    checks = verdict.check_limits({"roc_auc": nothing}, declared(limits={"roc_auc": 0.5}))
    assert checks[0].outcome == "unknown"


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.001, 0.02, "passed"),
        (0.0, 0.02, "failed"),  # touches zero: a tie is not a win
        (-0.001, 0.02, "failed"),
        (-0.02, -0.001, "failed"),
        (None, 0.02, "unknown"),
    ],
)
def test_a_win_excludes_zero(low: float | None, high: float | None, outcome: str) -> None:
    assert verdict.check_baseline("b", beside(low, high), declared()).outcome == outcome
    assert verdict.check_champion("c", beside(low, high), declared()).outcome == outcome


@pytest.mark.parametrize(("low", "high", "outcome"), [(-0.3, -0.1, "passed"), (0.1, 0.3, "failed")])
def test_direction_turns_where_smaller_is_better(low: float, high: float, outcome: str) -> None:
    smaller = declared(primary="log_loss")
    assert verdict.check_champion("c", beside(low, high), smaller).outcome == outcome


@pytest.mark.parametrize(("low", "outcome"), [(-0.01, "passed"), (-0.011, "failed")])
def test_margin_lets_a_champion_be_missed_by_so_much(low: float, outcome: str) -> None:
    allowed = declared(margin=0.01)
    assert verdict.check_champion("c", beside(low, 0.02), allowed).outcome == outcome


def test_margin_does_not_count_against_baselines() -> None:
    assert verdict.check_baseline("b", beside(-0.001, 1), declared(margin=0.5)).outcome == "failed"


def test_the_serving_version_is_not_compared_with_itself() -> None:
    assert verdict.check_same_version("abc").outcome == "passed"


def test_a_champion_that_cannot_answer_leaves_it_open() -> None:
    assert verdict.check_not_comparable("abc", "no column x").outcome == "unknown"


def test_failure_outweighs_doubt_and_nothing_checked_is_no_blessing() -> None:
    failed = Check(name="f", outcome="failed", sentence="bad")
    unknown = Check(name="u", outcome="unknown", sentence="who knows")
    passed = Check(name="p", outcome="passed", sentence="good")
    assert verdict.decide([passed, unknown, failed]) == ("refused", ("bad",))
    assert verdict.decide([passed, unknown]) == ("not_enough_evidence", ("who knows",))
    assert verdict.decide([passed]) == ("blessed", ("good",))
    assert verdict.decide([])[0] == "not_enough_evidence"
