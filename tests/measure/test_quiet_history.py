"""Quiet nights stay quiet, shifts are found, and too little history is unknown."""

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr, ndtri

from perennial.measure.distances import cramers_v, ks_distance_of_counts
from perennial.measure.effects import Effect
from perennial.measure.inputs import FloatArray
from perennial.measure.quiet_history import QuietHistory, quiet_history

CUTS = ndtri(np.arange(1, 20) / 20)
SIMULATION = Path(__file__).parents[2] / "benchmarks" / "simulate_quiet_nights.py"


def days_of(levels: FloatArray, seed: int = 0, n_rows: int = 900) -> FloatArray:
    """Counts of normal values around each day's level, (n_days, 20)."""
    below = ndtr(CUTS - np.asarray(levels, dtype=float)[:, np.newaxis])
    shares = np.diff(below, axis=1, prepend=0, append=1)
    return np.random.default_rng(seed).multinomial(n_rows, shares).astype(float)


def learned(counts: FloatArray, window_days: int = 1, effect: Effect = "ks") -> QuietHistory:
    history = quiet_history(counts, window_days, effect)
    assert history is not None
    return history


def p_of_night(history_levels: FloatArray, level: float, seed: int = 0) -> float:
    counts = days_of(np.append(history_levels, level), seed)
    history = learned(counts[:-1])
    return history.p_value(ks_distance_of_counts(counts[:-1].sum(axis=0), counts[-1]))


def test_of_independent_rows_it_is_somewhat_stricter_than_the_textbook() -> None:
    for seed in range(5):
        history = learned(days_of(np.zeros(60), seed))
        textbook = stats.kstwobign.isf(0.05) * np.sqrt(1 / 900 + 1 / 54_000)
        assert 0.9 < history.threshold(0.05) / textbook < 1.4


def test_of_independent_categories_it_is_somewhat_stricter_than_chi_squared() -> None:
    shares = np.array([0.3, 0.25, 0.15, 0.1, 0.1, 0.05, 0.05])
    counts = np.random.default_rng(0).multinomial(900, shares, size=60)
    textbook = np.sqrt((stats.chi2.isf(0.05, 6) - 6) / 4 * (1 / 900 + 1 / 54_000))
    assert 0.9 < learned(counts, effect="cramers_v").threshold(0.05) / textbook < 1.5


def test_a_shift_of_half_a_deviation_is_beyond_doubt_where_days_are_alike() -> None:
    assert p_of_night(np.zeros(60), 0.5) < 1e-6


def test_a_sunday_like_all_sundays_is_nothing_to_suspect() -> None:
    week = np.array([0, 0, 0, 0, 0, 0.2, 0.6])
    levels = week[np.arange(60) % 7]
    found = [p_of_night(levels, 0.6, seed) for seed in range(10)]
    assert min(found) > 0.01
    assert p_of_night(levels * 0, 0.6) < 1e-6


def test_the_day_after_a_season_that_goes_on_is_nothing_to_suspect() -> None:
    levels = np.linspace(0, 1, 60)
    assert p_of_night(levels, 1.02) > 0.05


def test_a_far_larger_step_than_the_season_is_suspected() -> None:
    assert p_of_night(np.linspace(0, 0.3, 60), 2.0) < 0.01


def test_what_history_did_is_never_unlikely() -> None:
    levels = np.zeros(60)
    levels[[13, 44]] = 1.5
    assert p_of_night(levels, 1.4) > 0.01
    assert p_of_night(np.zeros(60), 1.4) < 1e-6


def test_days_that_resemble_their_neighbours_are_worth_fewer_nights() -> None:
    random = np.random.default_rng(0)
    steps = np.cumsum(random.normal(size=60)) / 20
    assert learned(days_of(steps)).n_effective_nights < 15
    assert learned(days_of(np.zeros(60))).n_effective_nights > 30


def test_p_value_and_threshold_are_two_readings_of_one_curve() -> None:
    history = learned(days_of(np.random.default_rng(0).normal(0, 0.1, 60)))
    effects = np.linspace(0, 1, 101)
    p_values = [history.p_value(effect) for effect in effects]
    assert p_values == sorted(p_values, reverse=True)
    assert p_values[0] == 1
    for alpha in (0.2, 0.05, 0.002):
        at = history.threshold(alpha)
        assert history.p_value(at + 0.002) <= alpha <= history.p_value(at - 0.002)


def test_an_unknown_effect_has_an_unknown_p_value() -> None:
    assert np.isnan(learned(days_of(np.zeros(60))).p_value(float("nan")))


@pytest.mark.parametrize("alpha", [0, 1, -0.1])
def test_an_alpha_that_is_no_share_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        learned(days_of(np.zeros(60))).threshold(alpha)


@pytest.mark.parametrize(
    ("n_days", "window_days", "block_days", "is_known"),
    [(13, 1, 7, False), (14, 1, 7, True), (14, 4, 7, False), (16, 4, 7, True), (3, 1, 1, False)],
)
def test_too_little_history_is_unknown_never_quiet(
    n_days: int, window_days: int, block_days: int, is_known: bool
) -> None:
    counts = days_of(np.zeros(n_days))
    found = quiet_history(counts, window_days, "ks", block_days=block_days)
    assert (found is not None) == is_known


@pytest.mark.parametrize("effect", ["ks", "cramers_v"])
def test_no_rows_at_all_are_unknown(effect: Effect) -> None:
    assert quiet_history(np.zeros((60, 5)), 1, effect) is None
    assert quiet_history(np.zeros((0, 5)), 1, effect) is None


def test_days_without_rows_do_not_count() -> None:
    counts = days_of(np.zeros(60))
    counts[::2] = 0
    history = learned(counts)
    assert history.n_days == 30
    assert history.threshold(0.05) < 0.2
    counts[13:] = 0
    assert quiet_history(counts, 1, "ks") is None


@pytest.mark.parametrize("effect", ["ks", "cramers_v"])
def test_a_constant_column_is_quiet_while_it_stays_constant(effect: Effect) -> None:
    counts = np.zeros((60, 3))
    counts[:, 1] = 900
    history = learned(counts, effect=effect)
    assert history.p_value(0.0) == 1
    assert history.p_value(0.5) == 0
    assert 0 <= history.threshold(0.05) < 0.05


def test_a_small_window_may_lie_farther_away() -> None:
    counts = days_of(np.zeros(60))
    small = quiet_history(counts, 1, "ks", n_rows=200)
    assert small is not None
    textbook = stats.kstwobign.isf(0.05) * np.sqrt(1 / 200 + 1 / 54_000)
    assert 0.9 < small.threshold(0.05) / textbook < 1.4


def test_the_same_seed_gives_the_same_history() -> None:
    counts = days_of(np.zeros(60))
    first, again = learned(counts), learned(counts)
    assert np.array_equal(first.effects, again.effects)
    assert np.array_equal(first.tail, again.tail)
    other = quiet_history(counts, 1, "ks", seed=1)
    assert other is not None
    assert other.threshold(0.05) == pytest.approx(first.threshold(0.05), rel=0.15)


@pytest.mark.parametrize(
    ("counts", "window_days", "why"),
    [
        (np.ones(5), 1, "shape"),
        (np.full((60, 2), -1.0), 1, "negative"),
        (np.full((60, 2), np.nan), 1, "finite"),
        (np.ones((60, 2)), 0, "window_days"),
    ],
)
def test_counts_and_windows_that_are_none_are_refused(
    counts: FloatArray, window_days: int, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        quiet_history(counts, window_days, "ks")


def test_fine_bins_tell_the_same_as_coarse_ones() -> None:
    fine = np.random.default_rng(0).multinomial(900, np.ones(256) / 256, size=60)
    coarse = fine.reshape(60, 64, 4).sum(axis=2)
    for alpha in (0.05, 0.002):
        expected = learned(coarse).threshold(alpha)
        assert learned(fine).threshold(alpha) == pytest.approx(expected, rel=0.08)


def test_many_columns_of_two_months_take_no_time() -> None:
    counts = np.random.default_rng(0).multinomial(900, np.ones(257) / 257, size=60)
    quiet_history(counts, 1, "ks")
    began = time.thread_time()
    for _ in range(5):
        quiet_history(counts, 1, "ks")
    assert 5 * (time.thread_time() - began) < 4


def simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("simulate_quiet_nights", SIMULATION)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("days", [1, 3])
@pytest.mark.parametrize(
    "stream",
    [
        "iid rows",
        "day effects, sd 0.15",
        "AR(1) 0.8, sd 0.15",
        "weekdays, sd 0.3",
        "season of a year, sd 0.7",
    ],
)
def test_quiet_nights_are_suspected_no_more_often_than_declared(stream: str, days: int) -> None:
    suspected, _ = simulation().shares_of_nights(stream, days, 12, 12, alpha=0.05)
    assert suspected <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / (12 * 12))


@pytest.mark.slow
def test_shifts_worth_a_finding_are_found_where_days_are_alike() -> None:
    _, found = simulation().shares_of_nights("iid rows", 1, 5, 8, alpha=0.05)
    assert min(found) > 0.9


def test_v_is_used_for_categories_as_it_is_defined() -> None:
    counts = np.random.default_rng(0).multinomial(900, [0.5, 0.3, 0.2], size=60)
    history = learned(counts, effect="cramers_v")
    moved = cramers_v(counts.sum(axis=0), [585, 195, 120])
    assert history.p_value(moved) < 1e-6
    assert history.effects.max() < moved
