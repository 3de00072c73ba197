"""Guardrails: each can pass, fail and stay open, and says in words which and why."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from perennial.declare.guardrails import LOOKED_AT
from perennial.declare.release import Release as Declared
from perennial.measure.quantiles import LogCounts
from perennial.measure.sequential import Moments
from perennial.measure.shapes import deciles
from perennial.release.guardrails import Measurement, Setting, measure, rank_correlation
from perennial.release.memory import Look, Memory, median_bounds
from perennial.release.seen import Arm, Pairs, Phase, Request

NAMES = list(LOOKED_AT)
EMPTY: dict[str, Any] = {"slices": ()}
"""What declares that nothing guards, where it is not null."""


def setting(state: str = "shadow", is_probability: bool = True, **fields: Any) -> Setting:
    return Setting(Declared.model_validate(fields), state, is_probability)


def moments(n: int, mean: float, deviation: float = 0.2) -> Moments:
    return Moments(n, mean, n * deviation**2)


def times(n: int, milliseconds: float = 5.0) -> LogCounts:
    counts = LogCounts()
    for place in range(n):
        counts.add(milliseconds * (1 + place % 10 / 10))
    return counts


def arm(n: int, n_failed: int = 0, ms: float = 5.0, mean: float = 0.4, loss: float = 0.2) -> Arm:
    labels = moments(n, loss, 0.1) if loss else Moments()
    scores = moments(n - n_failed, mean)
    return Arm(n, n_failed, times(n - n_failed, ms), scores, scores, losses=labels)


def find(phase: Phase | list[Phase], name: str, given: Setting) -> Measurement:
    phases = phase if isinstance(phase, list) else [phase]
    found = {each.guardrail: each for each in measure(phases, given)}
    assert list(found) == NAMES
    json.dumps([each.shown() for each in found.values()], allow_nan=False)
    return found[name]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_declared_says_so_and_is_not_waited_for(name: str) -> None:
    found = find(Phase(0), name, setting(guardrails={name: EMPTY.get(name)}))
    assert (found.outcome, found.is_needed) == ("undeclared", False)
    assert found.says == f"{name}: not declared, so nothing guards it"


@pytest.mark.parametrize("state", ["shadow", "canary", "promoted"])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_seen_is_inconclusive(name: str, state: str) -> None:
    found = find(Phase(0), name, setting(state, guardrails={"slices": ["origin"]}))
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
    assert f"{new[1]} of {new[0]} requests failed" in found.says
    assert ("the limit itself" in found.says) == (old[0] == 0)


def test_both_failing_alike_is_not_the_new_ones_fault() -> None:
    found = find(Phase(0, arm(5000, 2500), arm(5000, 2500)), "errors", setting("canary"))
    assert found.outcome != "failed"


@pytest.mark.parametrize(
    ("ms", "given", "outcome"),
    [
        (5, {"extra_ms": 20}, "passed"),
        (50, {"extra_ms": 20}, "failed"),
        (50, {"extra_ms": 200}, "passed"),
        (5, {"ratio": 2}, "passed"),
        (50, {"ratio": 2}, "failed"),
        (5, {"ratio": 1.01}, "inconclusive"),
        (50, {"quantile": 0.99, "extra_ms": 20}, "failed"),
        (5, {"quantile": 0.999, "extra_ms": 20}, "inconclusive"),
    ],
)
def test_latency_at_a_quantile(ms: float, given: dict[str, Any], outcome: str) -> None:
    phase = Phase(0, arm(3000), arm(2000, ms=ms))
    found = find(phase, "latency", setting("canary", guardrails={"latency": given}))
    assert (found.outcome, found.n) == (outcome, 2000)


@pytest.mark.parametrize("given", [{}, {"extra_ms": 5, "ratio": 2}, {"ratio": 0.5}])
def test_latency_has_one_limit_that_can_be_kept(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"extra_ms|greater than 1"):
        setting(guardrails={"latency": given})


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
    assert "requests that both answered" in in_shadow.says


def test_regression_is_measured_in_the_old_versions_deviations() -> None:
    def minutes(mean: float, deviation: float = 10) -> Arm:
        found = moments(900, mean, deviation)
        return Arm(900, scores=found, spread=found)

    old, new = minutes(30), minutes(38)
    given = setting("canary", is_probability=False)
    found = find(Phase(0, old, new), "score_shift", given)
    assert found.outcome == "failed"
    assert found.estimate == pytest.approx(0.8)
    still = find(Phase(0, minutes(30, 0), new), "score_shift", given)
    assert still.outcome == "inconclusive"
    assert "a shift has no unit" in still.says


def paired(old: Any, new: Any) -> Phase:
    return Phase(0, pairs=Pairs(old=list(old), new=list(new), n_ranked=len(list(old))))


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


def test_the_declared_error_is_shared_between_phases_and_guardrails() -> None:
    n = 7  # all but slices
    assert setting(steps=[0.5]).confidence == pytest.approx(1 - 0.05 / 3 / n)
    assert setting(steps=[0.5], shadow=None).confidence == pytest.approx(1 - 0.05 / 2 / n)
    few = setting(steps=[0.5], guardrails=dict.fromkeys(NAMES[1:7]))
    assert few.confidence == pytest.approx(1 - 0.05 / 3)


def asked(old: Any, new: Any, is_paired: bool = False) -> tuple[Phase, tuple[float, ...]]:
    """A phase in which both scored so, one request each, and the cuts of the old one's scores."""
    phase, cuts = Phase(0), deciles(list(old)[:50])
    for score in old:
        Request(1, 0, 5.0, [float(score)]).close(phase, False, cuts)
    for place, score in enumerate(new):
        pairs = [(float(old[place]), float(score))] if is_paired else []
        Request(1, 0, 5.0, [float(score)], pairs).close(phase, True, cuts)
    return phase, cuts


@pytest.mark.parametrize("is_paired", [True, False])
def test_a_distribution_that_changes_while_its_mean_stays(is_paired: bool) -> None:
    random = np.random.default_rng(6)
    old = random.beta(2, 3, 800)
    close = np.clip(old + random.normal(0, 0.03, 800), 0, 1)
    flat = np.full(800, old.mean())
    split = np.where(random.random(800) < old.mean(), 0.99, 0.01)
    given = setting("shadow" if is_paired else "canary")
    for new, outcome in ((close, "passed"), (flat, "failed"), (split, "failed")):
        phase, cuts = asked(old, new, is_paired)
        found = {each.guardrail: each for each in measure([phase], given, cuts)}
        assert found["score_distribution"].outcome == outcome
        assert found["score_shift"].outcome != "failed"


def leaking(mb_per_1000: float, old_mb: float = 0.0, n: int = 30) -> Memory:
    memory, random = Memory(), np.random.default_rng(8)
    for place in range(0, n * 25 + 1, 25):
        noise, warm = random.normal(0, 0.02, 2), min(place, 50)
        old, new = (100 + warm + mb * place / 1000 for mb in (old_mb, mb_per_1000))
        memory.take(Look(place, place, old + noise[0], new + noise[1]))
    return memory


@pytest.mark.parametrize(
    ("mb", "old_mb", "outcome"),
    [(0.0, 0.0, "passed"), (100.0, 0.0, "failed"), (100.0, 100.0, "passed")],
)
def test_memory_that_grows_more_than_the_champion_s(mb: float, old_mb: float, outcome: str) -> None:
    (found,) = [
        each
        for each in measure([Phase(0)], setting("canary"), (), leaking(mb, old_mb))
        if each.guardrail == "memory_mb"
    ]
    assert (found.outcome, found.is_needed, found.n) == (outcome, True, 30)
    assert Memory.resumed([found.shown()]).growths == list(found.values)


def test_memory_that_nobody_tells_is_said_and_not_waited_for() -> None:
    found = find(Phase(0), "memory_mb", setting())
    assert (found.outcome, found.is_needed) == ("inconclusive", False)
    assert "has not told its memory" in found.says


def test_a_server_that_starts_again_does_not_hide_its_leak() -> None:
    memory = Memory()
    for place in range(60):
        taken = 100 + 2.5 * (place % 12)  # killed and started again after 300 requests
        memory.take(Look(25 * place, 25 * place, 100.0, taken))
    found = median_bounds(memory.growths, 0.99)
    assert found.low == 100.0


def test_the_median_is_known_after_some_ten_windows() -> None:
    assert median_bounds([1.0] * 5).high == math.inf
    assert median_bounds([1.0] * 12).high == 1.0
    assert math.isnan(median_bounds([]).estimate)


def sliced(n: int, failed: int = 0, mean: float = 0.4, loss: float = 0.2) -> Phase:
    """A phase that is well, and a group of it that may not be."""
    whole = Phase(0, arm(2000), arm(2000))
    group = Phase(0, arm(n), arm(n, failed, mean=mean, loss=loss))
    whole.groups = {("origin", "EWR"): group, ("origin", "JFK"): Phase(0, arm(300), arm(300))}
    return whole


@pytest.mark.parametrize(
    ("phase", "because"),
    [
        (sliced(100, failed=100), "errors: 100 of 100 requests failed"),
        (sliced(200, mean=0.9), "score_shift: the mean score"),
        (sliced(200, loss=0.7), "loss: the Brier score"),
    ],
)
def test_good_overall_and_broken_in_a_slice_fails(phase: Phase, because: str) -> None:
    given = setting("canary", guardrails={"slices": ["origin"]})
    found = {each.guardrail: each for each in measure([phase], given)}
    assert all(found[name].outcome != "failed" for name in NAMES[:-1])
    assert (found["slices"].outcome, found["slices"].is_needed) == ("failed", True)
    assert found["slices"].says.startswith(f"slices: where origin is EWR, {because}")


def test_a_slice_that_looks_broken_is_waited_for() -> None:
    given = setting("canary", guardrails={"slices": ["origin"]})
    found = find(sliced(25, failed=12), "slices", given)
    assert (found.outcome, found.is_needed) == ("inconclusive", True)
    assert "where origin is EWR, errors" in found.says


@pytest.mark.parametrize("phase", [sliced(15, failed=15), sliced(300), sliced(25, failed=1)])
def test_a_slice_that_is_rare_or_well_holds_up_nothing(phase: Phase) -> None:
    found = find(phase, "slices", setting("canary", guardrails={"slices": ["origin"]}))
    assert (found.outcome, found.is_needed) == ("passed", False)


def test_a_value_that_is_often_asked_for_is_waited_for() -> None:
    now = Phase(9, arm(100), arm(100))
    now.groups = {("origin", "EWR"): Phase(9, arm(15), arm(15))}
    given = setting("canary", guardrails={"slices": ["origin"]})
    found = find(now, "slices", given)
    assert (found.outcome, found.is_needed) == ("inconclusive", True)
    assert "origin EWR must have 20 requests first" in found.says
    known_before = find([sliced(30), now], "slices", given)
    assert not known_before.is_needed


def test_a_slice_that_no_question_has_is_told() -> None:
    found = find(sliced(300), "slices", setting("canary", guardrails={"slices": ["orgin"]}))
    assert "no value of orgin has 20 requests yet" in found.says
    assert found.outcome == "inconclusive"


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
