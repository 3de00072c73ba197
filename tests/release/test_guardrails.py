"""Guardrails: each can pass, fail and stay open, and says in words which and why."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from perennial.declare.release import Release as Declared
from perennial.measure.sequential import Moments
from perennial.release.evidence import Arm, Pairs, Phase
from perennial.release.guardrails import Measurement, Setting, measure, rank_correlation

NAMES = ["errors", "slow", "score_shift", "disagreement", "loss"]


def setting(state: str = "shadow", is_probability: bool = True, **fields: Any) -> Setting:
    return Setting(Declared.model_validate(fields), state, is_probability)


def moments(n: int, mean: float, deviation: float = 0.2) -> Moments:
    return Moments(n, mean, n * deviation**2)


def arm(n: int, n_failed: int = 0, n_slow: int = 0, mean: float = 0.4, loss: float = 0.2) -> Arm:
    labels = moments(n, loss, 0.1) if loss else Moments()
    return Arm(n, n_failed, n_slow, moments(n - n_failed, mean), labels)


def find(phase: Phase | list[Phase], name: str, given: Setting) -> Measurement:
    phases = phase if isinstance(phase, list) else [phase]
    found = {each.guardrail: each for each in measure(phases, given)}
    assert list(found) == NAMES
    json.dumps([each.shown() for each in found.values()], allow_nan=False)
    return found[name]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_declared_says_so_and_is_not_waited_for(name: str) -> None:
    found = find(Phase(0), name, setting(guardrails={name: None}))
    assert (found.outcome, found.is_needed) == ("undeclared", False)
    assert found.says == f"{name}: not declared, so nothing guards it"


@pytest.mark.parametrize("state", ["shadow", "canary", "promoted"])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_seen_is_inconclusive(name: str, state: str) -> None:
    found = find(Phase(0), name, setting(state))
    assert found.outcome == "inconclusive"
    assert "nan" not in found.says


@pytest.mark.parametrize(
    ("old", "new", "outcome"),
    [
        ((2000, 0), (400, 0), "passed"),
        ((2000, 0), (400, 100), "failed"),
        ((2000, 500), (400, 100), "inconclusive"),
        ((2000, 0), (50, 0), "inconclusive"),
        ((2000, 0), (400, 20), "inconclusive"),
        ((0, 0), (10, 10), "failed"),
        ((0, 0), (400, 0), "passed"),
    ],
)
def test_errors(old: tuple[int, int], new: tuple[int, int], outcome: str) -> None:
    found = find(Phase(0, arm(*old), arm(*new)), "errors", setting("canary"))
    assert (found.outcome, found.n) == (outcome, new[0])
    assert f"{new[1]} of {new[0]} questions failed" in found.says
    assert ("the limit itself" in found.says) == (old[0] == 0)


def test_both_failing_alike_is_not_the_new_ones_fault() -> None:
    found = find(Phase(0, arm(5000, 2500), arm(5000, 2500)), "errors", setting("canary"))
    assert found.outcome != "failed"


@pytest.mark.parametrize(("n_slow", "outcome"), [(0, "passed"), (200, "failed")])
def test_slow(n_slow: int, outcome: str) -> None:
    phase = Phase(0, arm(2000, n_slow=10), arm(400, n_slow=n_slow))
    assert find(phase, "slow", setting("canary")).outcome == outcome


@pytest.mark.parametrize(
    ("mean", "outcome"),
    [(0.4, "passed"), (0.7, "failed"), (0.1, "failed"), (0.5, "inconclusive")],
)
def test_score_shift_either_way_in_the_canary(mean: float, outcome: str) -> None:
    phase = Phase(0, arm(2000), arm(800, mean=mean))
    assert find(phase, "score_shift", setting("canary")).outcome == outcome


def test_score_shift_on_the_same_questions_is_known_much_better() -> None:
    pairs = Pairs(shift=moments(300, 0.02, 0.03))
    phase = Phase(0, arm(300), arm(300, mean=0.42), pairs)
    in_shadow = find(phase, "score_shift", setting("shadow"))
    in_canary = find(phase, "score_shift", setting("canary"))
    width, other = ((each.high or 0) - (each.low or 0) for each in (in_shadow, in_canary))
    assert width < other / 2
    assert "questions that both answered" in in_shadow.says


def test_regression_is_measured_in_the_old_versions_deviations() -> None:
    old, new = Arm(900, scores=moments(900, 30, 10)), Arm(900, scores=moments(900, 38, 10))
    given = setting("canary", is_probability=False)
    found = find(Phase(0, old, new), "score_shift", given)
    assert found.outcome == "failed"
    assert found.estimate == pytest.approx(0.8)
    still = find(Phase(0, Arm(900, scores=moments(900, 30, 0)), new), "score_shift", given)
    assert still.outcome == "inconclusive"
    assert "a shift has no unit" in still.says


def paired(old: Any, new: Any) -> Phase:
    return Phase(0, pairs=Pairs(old=list(old), new=list(new)))


def test_disagreement() -> None:
    random = np.random.default_rng(3)
    old = random.random(300)
    close, other = old + random.normal(0, 0.05, 300), random.random(300)
    for new, outcome in ((close, "passed"), (1 - old, "failed"), (other, "failed")):
        assert find(paired(old, new), "disagreement", setting()).outcome == outcome
    assert find(paired(old, [0.5] * 300), "disagreement", setting()).outcome == "failed"
    alike = find(paired([0.5] * 300, old), "disagreement", setting())
    assert alike.outcome == "inconclusive"
    assert "there are no ranks" in alike.says
    split = find(paired(old, 1 - old), "disagreement", setting("canary"))
    assert (split.outcome, split.is_needed) == ("inconclusive", False)


def test_the_opposite_is_found_after_few_questions() -> None:
    old = np.linspace(0.1, 0.9, 25)
    assert find(paired(old, 1 - old), "disagreement", setting()).outcome == "failed"


@pytest.mark.parametrize("worse", [0.0, 0.2])
@pytest.mark.parametrize("state", ["shadow", "canary"])
def test_loss_fails_by_what_labels_tell(state: str, worse: float) -> None:
    phase = Phase(0, arm(2000), arm(2000, loss=0.2 + worse))
    if state == "shadow":
        phase.pairs.losses = moments(2000, worse, 0.1)
    found = find(phase, "loss", setting(state))
    assert found.outcome == ("failed" if worse else "passed")
    assert not found.is_needed


def test_loss_holds_up_steps_only_where_labels_are_asked_for() -> None:
    few, many = Phase(0, arm(2000), arm(400)), Phase(0, arm(2000), arm(900))
    given = setting("canary", min_labels=800)
    assert find(few, "loss", given).outcome == "inconclusive"
    assert "800 labels are needed" in find(few, "loss", given).says
    assert (find(many, "loss", given).outcome, find(many, "loss", given).is_needed) == (
        "passed",
        True,
    )


def test_loss_of_an_earlier_phase_still_fails() -> None:
    bad, now = Phase(0, arm(500), arm(500, loss=0.6)), Phase(9, arm(500), arm(500, loss=0.2))
    assert find([bad, now], "loss", setting("promoted")).outcome == "failed"


def test_the_declared_error_is_shared_between_the_phases() -> None:
    assert setting(steps=[0.5]).confidence == pytest.approx(1 - 0.05 / 3)
    assert setting(steps=[0.5], shadow=None).confidence == pytest.approx(1 - 0.05 / 2)


def test_ranks_correlate_as_scipy_says() -> None:
    random = np.random.default_rng(4)
    for _ in range(20):
        first, second = random.integers(0, 8, 50) / 8, random.integers(0, 5, 50) / 5
        found = rank_correlation(first.tolist(), second.tolist())
        assert found == pytest.approx(stats.spearmanr(first, second).statistic)


def test_ranks_that_are_not_defined() -> None:
    assert rank_correlation([], []) is None
    assert rank_correlation([1.0], [2.0]) is None
    assert rank_correlation([1.0, 1.0], [1.0, 2.0]) is None
    found = rank_correlation([1.0, 2.0], [1.0, 1.0])
    assert found is not None
    assert not math.isnan(found)
