"""The distance of two score distributions: its meaning, its edges, and its bounds at all looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from perennial.measure.sequential import UNKNOWN
from perennial.measure.shapes import PairedShapes, Shape, deciles, distance, paired_distance

CUTS = tuple(place / 10 for place in range(1, 10))


def shape(scores: object, weight: float = 1.0) -> Shape:
    found = Shape()
    for score in np.asarray(scores, dtype=float):
        found.add(float(score), CUTS, weight)
    return found


def paired(old: object, new: object) -> PairedShapes:
    found = PairedShapes()
    for one, other in zip(np.asarray(old), np.asarray(new), strict=True):
        found.add(float(one), float(other), CUTS)
    return found


def test_deciles_divide_into_ten_parts() -> None:
    values = np.random.default_rng(1).random(1000)
    found = deciles(values.tolist())
    assert len(found) == 9
    assert np.histogram(values, [0, *np.nextafter(found, 1), 1])[0].tolist() == [100] * 10
    assert deciles([0.5] * 50) == (0.5,)
    assert deciles([0.1] * 25 + [0.9] * 25) == (0.1, 0.9)


def test_the_distance_is_that_of_kolmogorov_and_smirnov_at_the_cuts() -> None:
    random = np.random.default_rng(2)
    old, new = random.integers(1, 11, 300) / 10, random.integers(2, 10, 300) / 10
    expected = stats.ks_2samp(old, new).statistic
    assert distance(shape(old), shape(new), 9, 0.95, 200).estimate == pytest.approx(expected)
    found = paired_distance(paired(old, new), 9, 0.95, 200)
    assert found.estimate == pytest.approx(expected)


def test_the_same_scores_are_surely_close_when_paired() -> None:
    scores = np.random.default_rng(3).random(300)
    found = paired_distance(paired(scores, scores), 9, 0.95, 200)
    assert (found.estimate, found.low) == (0, 0)
    assert found.high < 0.05
    assert found.high < distance(shape(scores), shape(scores), 9, 0.95, 200).high


def test_without_scores_or_cuts_nothing_is_claimed() -> None:
    some = shape([0.5])
    assert distance(Shape(), some, 9, 0.95, 200) == UNKNOWN
    assert distance(some, some, 0, 0.95, 200) == UNKNOWN
    assert paired_distance(PairedShapes(), 9, 0.95, 200) == UNKNOWN
    few = distance(some, some, 9, 0.95, 200)
    assert (few.low, few.high) == (0.0, 1.0)
    assert not math.isnan(few.estimate)


def test_scores_of_one_request_weigh_one_together() -> None:
    n, shares = shape(np.linspace(0.05, 0.95, 10).tolist() * 3, weight=0.1).below(9)
    assert n == 3
    assert shares == pytest.approx([place / 10 for place in range(1, 10)])


@pytest.mark.slow
@pytest.mark.parametrize("is_paired", [True, False])
def test_the_distance_is_within_at_all_looks_95_times_in_100(is_paired: bool) -> None:
    random, n_runs, n_missed = np.random.default_rng(4), 100, 0
    truth = max(abs(stats.beta.cdf(cut, 2, 3) - stats.beta.cdf(cut, 3, 3)) for cut in CUTS)
    for _ in range(n_runs):
        ranks = random.random((2, 1000))
        if is_paired:
            ranks[1] = ranks[0]
        old, new = stats.beta.ppf(ranks[0], 2, 3), stats.beta.ppf(ranks[1], 3, 3)
        one, other, pairs = Shape(), Shape(), PairedShapes()
        for n in range(1000):
            one.add(float(old[n]), CUTS)
            other.add(float(new[n]), CUTS)
            pairs.add(float(old[n]), float(new[n]), CUTS)
            if n % 40 == 20:
                found = (
                    paired_distance(pairs, 9, 0.95, 200)
                    if is_paired
                    else distance(one, other, 9, 0.95, 200)
                )
                if not found.low <= truth <= found.high:
                    n_missed += 1
                    break
    assert n_missed / n_runs <= 0.05
