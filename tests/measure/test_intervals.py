"""Bootstrap intervals: what they cover, what they refuse to claim, and how fast."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from perennial.measure.classification import prepare_log_loss, prepare_roc_auc, roc_auc
from perennial.measure.inputs import FloatArray
from perennial.measure.intervals import (
    Interval,
    bootstrap_intervals,
    compare,
    expanded_tail,
    metric_intervals,
)
from perennial.measure.metrics import METRICS
from perennial.measure.regression import prepare_mae
from perennial.measure.weighting import weighted_mean

BINARY = {name: metric.prepare for name, metric in METRICS.items() if metric.task == "binary"}


def binormal(n: int, seed: int, distance: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Labels, a fifth of them positive, and normal scores; the AUC is Phi(distance / sqrt 2)."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.2).astype(float)
    return labels, random.normal(size=n) + distance * labels


def mean_interval(values: FloatArray, groups: FloatArray | None = None, seed: int = 0) -> Interval:
    statistics = {"mean": weighted_mean(values)}
    return bootstrap_intervals(statistics, values.size, seed=seed, groups=groups)["mean"]


def share_covered(covers: Callable[[int], bool], n_repetitions: int) -> float:
    return float(np.mean([covers(seed) for seed in range(n_repetitions)]))


def test_the_tail_is_the_plain_one_for_many_groups() -> None:
    assert expanded_tail(0.95, 1_000_000) == pytest.approx(0.025, abs=1e-5)


def test_the_tail_is_students_for_few_groups() -> None:
    expected = stats.norm.cdf(-np.sqrt(10 / 9) * stats.t.ppf(0.975, df=9))
    assert expanded_tail(0.95, 10) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("confidence", "enough"), [(0.5, 2), (0.9, 5), (0.95, 6), (0.99, 8)])
def test_fewer_groups_than_can_bound_the_truth_give_no_bounds(
    confidence: float, enough: int
) -> None:
    assert expanded_tail(confidence, enough - 1) == 0.0
    assert expanded_tail(confidence, enough) > 0.0


def test_an_interval_of_too_few_groups_claims_nothing() -> None:
    groups = np.repeat(np.arange(5.0), 100)
    interval = mean_interval(10 + np.random.default_rng(0).normal(size=500), groups)
    assert (interval.low, interval.high) == (-np.inf, np.inf)
    assert not interval.is_bounded
    assert interval.n_groups == 5
    assert interval.estimate == pytest.approx(10, abs=0.2)


def test_a_single_row_claims_nothing() -> None:
    assert not mean_interval(np.array([3.0])).is_bounded


def test_the_interval_of_a_mean_is_the_normal_one_when_rows_are_many() -> None:
    values = np.random.default_rng(0).exponential(size=5_000)
    interval = mean_interval(values)
    half = 1.96 * values.std() / np.sqrt(5_000)
    assert interval.estimate == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=half / 5)
    assert interval.high == pytest.approx(values.mean() + half, abs=half / 5)


def test_the_interval_of_roc_auc_has_the_width_of_hanley_and_mcneil() -> None:
    labels, scores = binormal(2_000, seed=0)
    interval = metric_intervals({"auc": prepare_roc_auc}, labels, scores, seed=0)["auc"]
    a, n_pos, n_neg = roc_auc(labels, scores), labels.sum(), (1 - labels).sum()
    q1, q2 = a / (2 - a), 2 * a**2 / (1 + a)
    variance = (a * (1 - a) + (n_pos - 1) * (q1 - a**2) + (n_neg - 1) * (q2 - a**2)) / (
        n_pos * n_neg
    )
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.15)


def test_values_that_are_all_equal_are_known_exactly() -> None:
    interval = mean_interval(np.full(50, 2.0))
    assert (interval.low, interval.estimate, interval.high) == (2.0, 2.0, 2.0)


def test_more_confidence_is_a_wider_interval() -> None:
    labels, scores = binormal(300, seed=0)
    narrow, wide = (
        metric_intervals({"auc": prepare_roc_auc}, labels, scores, seed=0, confidence=c)["auc"]
        for c in (0.8, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=100)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_a_metric_has_the_same_interval_alone_and_among_others() -> None:
    labels, scores = binormal(100, seed=0)
    probabilities = 1 / (1 + np.exp(-scores))
    alone = metric_intervals({"auc": prepare_roc_auc}, labels, probabilities, seed=0)["auc"]
    among = metric_intervals(BINARY, labels, probabilities, seed=0)["roc_auc"]
    assert alone == among


def test_undefined_resamples_are_counted_and_widen_the_interval() -> None:
    labels = np.array([1.0] + [0.0] * 29)  # a third of the resamples miss the one positive
    interval = metric_intervals({"auc": prepare_roc_auc}, labels, np.arange(30.0), seed=0)["auc"]
    assert interval.n_undefined == pytest.approx(1_000 * (29 / 30) ** 30, rel=0.2)
    assert interval.estimate == 0.0
    assert (interval.low, interval.high) == (-np.inf, np.inf)


def test_a_single_class_has_neither_estimate_nor_bounds() -> None:
    interval = metric_intervals({"auc": prepare_roc_auc}, np.ones(30), np.arange(30.0), seed=0)
    assert np.isnan(interval["auc"].estimate)
    assert interval["auc"].n_undefined == interval["auc"].n_resamples == 1_000
    assert not interval["auc"].is_bounded


def test_too_few_resamples_to_see_the_ends_are_refused() -> None:
    labels, scores = binormal(50, seed=0)
    metrics = {"auc": prepare_roc_auc}
    with pytest.raises(ValueError, match="at least 40 to see the ends"):
        metric_intervals(metrics, labels, scores, seed=0, n_resamples=39)
    assert metric_intervals(metrics, labels, scores, seed=0, n_resamples=40)["auc"].is_bounded


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_out_of_range_is_refused(confidence: float) -> None:
    labels, scores = binormal(50, seed=0)
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\)"):
        metric_intervals({"auc": prepare_roc_auc}, labels, scores, seed=0, confidence=confidence)


def test_a_model_against_itself_differs_by_nothing() -> None:
    labels, scores = binormal(200, seed=0)
    found = compare({"auc": prepare_roc_auc}, labels, scores, scores, seed=0)["auc"]
    assert (found.difference.low, found.difference.estimate, found.difference.high) == (0, 0, 0)
    assert found.champion == found.challenger


def test_a_comparison_is_turned_when_the_models_are() -> None:
    labels, scores = binormal(200, seed=0)
    other = scores + np.random.default_rng(1).normal(size=200)
    there = compare({"auc": prepare_roc_auc}, labels, scores, other, seed=0)["auc"]
    back = compare({"auc": prepare_roc_auc}, labels, other, scores, seed=0)["auc"]
    assert there.champion == back.challenger
    assert there.difference.low == -back.difference.high
    assert there.difference.estimate == -back.difference.estimate != 0


def test_a_difference_may_be_sure_where_the_values_overlap() -> None:
    random = np.random.default_rng(0)
    errors = random.exponential(size=300)
    found = compare({"mae": prepare_mae}, np.zeros(300), errors, errors * 0.95, seed=0)["mae"]
    assert found.challenger.high > found.champion.low
    assert found.difference.high < 0


def test_a_comparison_holds_the_intervals_of_each_model() -> None:
    labels, scores = binormal(200, seed=0)
    other = scores + np.random.default_rng(1).normal(size=200)
    found = compare({"auc": prepare_roc_auc}, labels, scores, other, seed=3)["auc"]
    metrics = {"auc": prepare_roc_auc}
    assert found.champion == metric_intervals(metrics, labels, scores, seed=3)["auc"]
    assert found.challenger == metric_intervals(metrics, labels, other, seed=3)["auc"]


@pytest.mark.slow
def test_interval_covers_the_true_auc_95_times_in_100() -> None:
    truth = stats.norm.cdf(1 / np.sqrt(2))

    def covers(seed: int) -> bool:
        labels, scores = binormal(300, seed)
        metrics = {"auc": prepare_roc_auc}
        found = metric_intervals(metrics, labels, scores, seed=seed, n_resamples=500)["auc"]
        return bool(found.low <= truth <= found.high)

    assert 0.92 <= share_covered(covers, 500) <= 0.98


def day_effects(n_days: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Values around 0 with as much in common within a day as they have apart, and their days."""
    random = np.random.default_rng(seed)
    days = np.repeat(np.arange(float(n_days)), 10)
    return np.repeat(random.normal(size=n_days), 10) + random.normal(size=days.size), days


@pytest.mark.slow
@pytest.mark.parametrize("n_days", [10, 30])
def test_interval_by_days_covers_the_truth_95_times_in_100(n_days: int) -> None:
    def covers(seed: int) -> bool:
        interval = mean_interval(*day_effects(n_days, seed), seed=seed)
        return interval.low <= 0 <= interval.high

    assert 0.92 <= share_covered(covers, 500) <= 0.98


@pytest.mark.slow
def test_interval_that_ignores_days_covers_far_too_rarely() -> None:
    def covers(seed: int) -> bool:
        interval = mean_interval(day_effects(30, seed)[0], seed=seed)
        return interval.low <= 0 <= interval.high

    assert share_covered(covers, 300) < 0.75


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "least", "most"), [(0.1, 0.91, 1.0), (0.0, 0.0, 0.05)])
def test_calibration_error_is_covered_only_where_its_docstring_says(
    shift: float, least: float, most: float
) -> None:
    def covers(seed: int) -> bool:
        random = np.random.default_rng(seed)
        truth = random.uniform(0.1, 0.8, size=1_000)
        labels = (random.random(1_000) < truth).astype(float)
        metrics = {"error": METRICS["calibration_error"].prepare}
        found = metric_intervals(metrics, labels, truth + shift, seed=seed, n_resamples=500)
        return found["error"].low <= shift <= found["error"].high

    assert least <= share_covered(covers, 200) <= most


@pytest.mark.slow
def test_two_equally_good_models_are_told_apart_5_times_in_100() -> None:
    def excludes_zero(seed: int) -> bool:
        random = np.random.default_rng(seed)
        logit = random.normal(size=400)
        labels = (random.random(400) < 1 / (1 + np.exp(-logit))).astype(float)
        champion, challenger = 1 / (1 + np.exp(-logit - random.normal(size=(2, 400)) / 2))
        metrics = {"log_loss": prepare_log_loss}
        found = compare(metrics, labels, champion, challenger, seed=seed, n_resamples=500)
        difference = found["log_loss"].difference
        return difference.low > 0 or difference.high < 0

    assert 0.02 <= share_covered(excludes_zero, 500) <= 0.08


@pytest.mark.slow
def test_five_metrics_of_30_000_rows_and_500_resamples_take_well_under_ten_seconds() -> None:
    labels, scores = binormal(30_000, seed=0)
    probabilities = 1 / (1 + np.exp(-scores))
    started = time.perf_counter()
    metric_intervals(BINARY, labels, probabilities, seed=0, n_resamples=500)
    assert time.perf_counter() - started < 10
