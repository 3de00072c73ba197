"""What dependence and heavy tails cost, against formulas and simulations."""

import numpy as np
import pytest

from perennial.measure.independent_nights import degrees_of_tails, memory
from perennial.measure.inputs import FloatArray


def autoregressive(phi: float, n: int, seed: int) -> FloatArray:
    levels = np.random.default_rng(seed).standard_normal((n, 1))
    for day in range(1, n):
        levels[day] = phi * levels[day - 1] + np.sqrt(1 - phi**2) * levels[day]
    return levels


def median_worth(phi: float, n: int, n_repetitions: int = 200) -> float:
    found = [memory(autoregressive(phi, n, seed)).n_independent for seed in range(n_repetitions)]
    return float(np.median(found))


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_many_nights_of_ar1_are_worth_what_the_formula_says(phi: float) -> None:
    n = 2_000
    expected = n * (1 - phi**2) / (1 + phi**2)
    assert median_worth(phi, n, 20) == pytest.approx(expected, rel=0.1)


def test_sixty_nights_of_ar1_are_not_overrated_by_much() -> None:
    expected = 60 * (1 - 0.8**2) / (1 + 0.8**2)
    assert median_worth(0.8, 60) < 1.25 * expected
    assert median_worth(0.8, 60) > 0.5 * expected


def test_what_the_history_cannot_see_is_the_variance_of_its_mean() -> None:
    n, phi = 2_000, 0.8
    unseen = np.median([memory(autoregressive(phi, n, seed)).unseen for seed in range(20)])
    assert unseen == pytest.approx((1 + phi) / (1 - phi) / n, rel=0.2)


def test_a_trend_is_worth_few_nights() -> None:
    line = np.arange(60.0)[:, np.newaxis]
    assert memory(line).n_independent < 8


def test_overlapping_windows_are_worth_less_than_their_number() -> None:
    days = np.random.default_rng(0).standard_normal((62, 5))
    windows = days[:-2] + days[1:-1] + days[2:]
    assert 20 < memory(windows).n_independent < 36
    assert memory(days).n_independent > 45


def test_nights_all_equal_hide_nothing() -> None:
    assert memory(np.ones((60, 3))).n_independent == 60
    assert memory(np.ones((60, 3))).unseen == 0
    assert memory(np.ones((2, 1))).n_independent == 2
    assert np.isinf(degrees_of_tails(np.zeros(60), np.zeros(100)))


def test_tails_of_many_nights_are_told_from_normal_ones() -> None:
    random = np.random.default_rng(0)
    normal = random.standard_normal(100_000) ** 2
    assert degrees_of_tails(random.standard_normal(20_000) ** 2, normal) > 40
    assert degrees_of_tails(random.standard_t(9, 20_000) ** 2, normal) == pytest.approx(9, abs=3)
    assert 4 < degrees_of_tails(random.standard_t(2, 20_000) ** 2, normal) < 5


def test_sixty_nights_never_show_that_tails_are_normal() -> None:
    random = np.random.default_rng(0)
    normal = random.standard_normal(100_000) ** 2
    found = [degrees_of_tails(random.standard_normal(60) ** 2, normal) for _ in range(200)]
    assert max(found) < 25
