from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from perennial.measure.calibration_line import (
    calibration_in_the_large,
    calibration_slope,
    prepare_calibration_slope,
    prepare_regression_slope,
    regression_slope,
)


def honest(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores = random.beta(2, 5, size=n)
    return (random.random(n) < scores).astype(float), scores


def test_honest_answers_have_slope_1_and_are_right_on_average() -> None:
    labels, scores = honest(200_000)
    assert calibration_slope(labels, scores) == pytest.approx(1, abs=0.02)
    assert calibration_in_the_large(labels, scores) == pytest.approx(0, abs=0.003)


@pytest.mark.parametrize("boldness", [0.5, 2.0])
def test_bold_answers_have_a_slope_below_1_and_timid_ones_above(boldness: float) -> None:
    labels, scores = honest(100_000)
    stretched = expit(logit(scores) * boldness)
    assert calibration_slope(labels, stretched) == pytest.approx(1 / boldness, rel=0.03)


def test_the_slope_is_that_of_an_unpenalised_logistic_regression() -> None:
    labels, scores = honest(3_000, seed=4)
    weights = np.random.default_rng(1).integers(0, 4, 3_000).astype(float)
    other = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000)
    other.fit(logit(scores)[:, np.newaxis], labels, sample_weight=weights)
    assert calibration_slope(labels, scores, weights) == pytest.approx(other.coef_[0, 0], abs=0.01)


def test_many_weightings_give_what_each_gives_alone() -> None:
    labels, scores = honest(500)
    weights = np.random.default_rng(2).integers(0, 3, (4, 500)).astype(float)
    for prepare in (prepare_calibration_slope, prepare_regression_slope):
        statistic = prepare(labels, scores)
        alone = [float(statistic(each[np.newaxis])[0]) for each in weights]
        assert statistic(weights) == pytest.approx(alone, rel=1e-9)


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([1, 1, 1], [0.2, 0.4, 0.6]),
        ([0, 1, 1], [0.5, 0.5, 0.5]),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
        ([1], [0.3]),
    ],
    ids=["one class", "equal scores", "perfectly separated", "one row"],
)
def test_there_is_no_slope_where_no_line_can_be_drawn(
    labels: list[float], scores: list[float]
) -> None:
    assert np.isnan(calibration_slope(labels, scores))


def test_certain_answers_are_allowed() -> None:
    assert np.isfinite(calibration_slope([0, 1, 0, 1], [0.0, 1.0, 1.0, 0.4]))


def test_slope_of_numbers_is_that_of_least_squares() -> None:
    random = np.random.default_rng(3)
    scores = random.normal(100, 20, 500)
    labels = 0.7 * scores + random.normal(0, 5, 500)
    assert regression_slope(labels, scores) == pytest.approx(np.polyfit(scores, labels, 1)[0])
    assert np.isnan(regression_slope([1, 2, 3], [5, 5, 5]))
