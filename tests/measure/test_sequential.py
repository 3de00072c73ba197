"""Bounds that hold at every look: identities, edges, hand-worked values, and simulated coverage."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, stats

from perennial.measure.sequential import (
    MIXED,
    Bounds,
    Moments,
    correlation_bounds,
    mean_bounds,
    mean_difference,
    share_bounds,
    share_difference,
)

Draw = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]


def moments(values: npt.ArrayLike) -> Moments:
    found = Moments()
    for value in np.asarray(values, dtype=float):
        found = found.add(float(value))
    return found


def test_moments_are_those_of_numpy() -> None:
    values = np.random.default_rng(1).normal(1e6, 2.0, size=1000)
    found = moments(values)
    assert found.n == 1000
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(values.std(), rel=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="values must be finite"):
        Moments().add(value)


def test_without_any_value_nothing_is_claimed() -> None:
    assert math.isnan(Moments().deviation)
    found = share_bounds(0, 0)
    assert (found.low, found.high) == (0, 1)
    assert math.isnan(found.estimate)
    for bounds in (mean_bounds(Moments()), mean_difference(Moments(), Moments())):
        assert (bounds.low, bounds.high) == (-math.inf, math.inf)
        assert math.isnan(bounds.estimate)
    nothing = share_difference((0, 0), (0, 0))
    assert (nothing.low, nothing.high) == (-1, 1)


def test_few_values_claim_nothing_of_a_mean() -> None:
    found = mean_bounds(moments([0.5] * 19))
    assert (found.estimate, found.low, found.high) == (0.5, -math.inf, math.inf)
    assert mean_difference(moments([0.5] * 1000), moments([0.1] * 19)).high == math.inf
    assert correlation_bounds(0.9, 19) == Bounds(0.9, -1.0, 1.0)


def test_constant_values_are_not_known_exactly() -> None:
    """Twenty equal values may be the first of others."""
    found = mean_bounds(moments([0.5] * 20))
    assert found.low < 0.3 < 0.7 < found.high
    later = mean_bounds(moments([0.5] * 10_000))
    assert 0.499 < later.low < later.high < 0.501


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 1.5])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    asked: list[Callable[[], Bounds]] = [
        lambda: share_bounds(1, 10, confidence),
        lambda: mean_bounds(moments(np.arange(30)), confidence),
        lambda: correlation_bounds(0.5, 30, confidence),
    ]
    for bounds in asked:
        with pytest.raises(ValueError, match="confidence must be in"):
            bounds()


@pytest.mark.parametrize(("n_hits", "n"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(n_hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="n_hits must be from 0 to n"):
        share_bounds(n_hits, n)


@pytest.mark.parametrize("correlation", [math.nan, 1.1, -1.1])
def test_a_correlation_that_is_none_is_refused(correlation: float) -> None:
    with pytest.raises(ValueError, match="correlation must be from -1 to 1"):
        correlation_bounds(correlation, 100)


def test_the_bounds_of_a_share_are_where_the_mixture_outweighs_it() -> None:
    """The ratio at each end is 1 / (1 - confidence), by integration instead of gamma functions."""
    n_hits, n, confidence = 3, 60, 0.9
    found = share_bounds(n_hits, n, confidence)
    found_for = [
        integrate.quad(_weighed, 0, 1, args=(a, b, n_hits, n), limit=200)[0] for a, b in MIXED
    ]
    mixture = sum(found_for) / len(MIXED)
    for end in (found.low, found.high):
        ratio = mixture / stats.binom.pmf(n_hits, n, end)
        assert ratio == pytest.approx(1 / (1 - confidence), rel=1e-3)


def _weighed(share: float, a: float, b: float, n_hits: int, n: int) -> float:
    return float(stats.beta.pdf(share, a, b) * stats.binom.pmf(n_hits, n, share))


def test_misses_are_the_mirror_of_hits_in_the_difference() -> None:
    one = share_difference((5, 100), (20, 100))
    other = share_difference((20, 100), (5, 100))
    assert (other.estimate, other.low, other.high) == pytest.approx(
        (-one.estimate, -one.high, -one.low)
    )


def test_bounds_of_a_mean_scale_and_shift_with_the_values() -> None:
    values = np.random.default_rng(2).random(300)
    one = mean_bounds(moments(values))
    other = mean_bounds(moments(10 * values - 3), span=10)
    assert (other.low, other.high) == pytest.approx((10 * one.low - 3, 10 * one.high - 3))


def test_a_hand_worked_radius() -> None:
    """n = planned = 100, variance 0.25 with what is added, at 0.95.

    spent = -2 ln 0.05 = 5.9915; x = 5.9915 + ln 5.9915 + 1 = 8.7818;
    radius = 0.05 sqrt(2 * 9.7818 / 8.7818 * ln(sqrt(9.7818) / 0.05)) = 0.05 * sqrt(9.2136).
    """
    found = mean_bounds(Moments(100, 0.5, 23.0), 0.95, planned=100)
    assert found.high - found.estimate == pytest.approx(0.05 * math.sqrt(9.2136), rel=1e-4)


def test_perfect_agreement_is_still_uncertain() -> None:
    found = correlation_bounds(1.0, 50)
    assert found.high == 1.0
    assert 0.7 < found.low < 1.0


LOOKS = [*range(20, 100, 5), *range(100, 1000, 20), *range(1000, 4001, 100)]


def share_missed(misses_at: Callable[[int], npt.NDArray[np.bool_]]) -> float:
    """The share of repetitions whose truth lay outside at any of the looks."""
    missed = misses_at(LOOKS[0])
    for n in LOOKS[1:]:
        missed = missed | misses_at(n)
    return float(missed.mean())


DRAWS: dict[str, tuple[Draw, float]] = {
    "uniform": (lambda r, n: r.random(n), 0.5),
    "1 in 100": (lambda r, n: (r.random(n) < 0.01).astype(float), 0.01),
    "1 in 10": (lambda r, n: (r.random(n) < 0.1).astype(float), 0.1),
    "skewed": (lambda r, n: r.beta(0.5, 4, n), 1 / 9),
    "two points": (lambda r, n: np.where(r.random(n) < 0.5, 0.1, 0.9), 0.5),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWS)
def test_the_mean_is_within_at_all_looks_95_times_in_100(name: str) -> None:
    """Looked at after 92 sample sizes from 20 to 4,000; a fixed interval misses 4 in 10 times."""
    draw, truth = DRAWS[name]
    random, n_runs = np.random.default_rng(11), 400
    values = np.stack([draw(random, LOOKS[-1]) for _ in range(n_runs)])
    sums, squares = values.cumsum(axis=1), (values**2).cumsum(axis=1)

    def misses(n: int) -> npt.NDArray[np.bool_]:
        means = sums[:, n - 1] / n
        deviations = np.maximum(squares[:, n - 1] - n * means**2, 0)
        found = [
            mean_bounds(Moments(n, float(m), float(s)), 0.95)
            for m, s in zip(means, deviations, strict=True)
        ]
        return np.array([not each.low <= truth <= each.high for each in found])

    assert share_missed(misses) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("weight", [0.1, 0.5])
def test_the_difference_of_means_is_within_at_all_looks(weight: float) -> None:
    random, n_runs, truth = np.random.default_rng(12), 300, 0.1
    old = random.beta(2, 3, (n_runs, round(4000 * (1 - weight) / weight)))
    new = random.beta(2, 3, (n_runs, 4000)) + truth
    missed = np.zeros(n_runs, dtype=bool)
    totals = [(each.cumsum(axis=1), (each**2).cumsum(axis=1)) for each in (old, new)]

    def seen(which: int, run: int, n: int) -> Moments:
        total, square = totals[which][0][run, n - 1], totals[which][1][run, n - 1]
        return Moments(n, float(total / n), float(square - total**2 / n))

    for n in LOOKS:
        n_old = round(n * (1 - weight) / weight)
        for run in map(int, np.flatnonzero(~missed)):
            found = mean_difference(seen(0, run, n_old), seen(1, run, n), 0.95)
            missed[run] = not found.low <= truth <= found.high
    assert missed.mean() <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.001, 0.02, 0.3])
def test_the_share_is_within_at_all_looks_95_times_in_100(share: float) -> None:
    random, n_runs = np.random.default_rng(13), 1000
    hits = (random.random((n_runs, LOOKS[-1])) < share).cumsum(axis=1)
    known: dict[tuple[int, int], bool] = {}

    def is_missed(n_hits: int, n: int) -> bool:
        if (n_hits, n) not in known:
            found = share_bounds(n_hits, n, 0.95)
            known[n_hits, n] = not found.low <= share <= found.high
        return known[n_hits, n]

    missed = share_missed(lambda n: np.array([is_missed(int(each), n) for each in hits[:, n - 1]]))
    assert missed <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("truth", [0.0, 0.7, 0.95])
def test_the_rank_correlation_is_within_at_all_looks(truth: float) -> None:
    random, n_runs = np.random.default_rng(14), 300
    looks = [20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1000]
    spearman = 6 / math.pi * math.asin(truth / 2)
    first = random.normal(size=(n_runs, looks[-1]))
    second = truth * first + math.sqrt(1 - truth**2) * random.normal(size=first.shape)
    missed = np.zeros(n_runs, dtype=bool)
    for n in looks:
        for run in np.flatnonzero(~missed):
            found = stats.spearmanr(first[run, :n], second[run, :n]).statistic
            bounds = correlation_bounds(float(found), n, 0.95)
            missed[run] = not bounds.low <= spearman <= bounds.high
    assert missed.mean() <= 0.05
