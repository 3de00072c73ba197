"""Regression metrics against scikit-learn, by hand, and at their edges."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from perennial.measure.regression import mae, prepare_r2, r2, rmse

rows_of_three = st.lists(
    st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 3)),
    min_size=2,
    max_size=40,
)


@given(rows_of_three)
def test_every_metric_is_scikit_learns_with_weights(rows: list[tuple[int, int, int]]) -> None:
    labels, scores, weights = np.array(rows, dtype=float).T
    assume(np.unique(labels[weights > 0]).size > 1)
    for ours, theirs in [
        (rmse, sklearn_metrics.root_mean_squared_error),
        (mae, sklearn_metrics.mean_absolute_error),
        (r2, sklearn_metrics.r2_score),
    ]:
        expected = theirs(labels, scores, sample_weight=weights)
        assert ours(labels, scores, weights) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_values_worked_by_hand() -> None:
    labels, scores = [1.0, 2.0, 3.0, 6.0], [1.0, 4.0, 3.0, 5.0]
    assert rmse(labels, scores) == pytest.approx(np.sqrt(5 / 4))
    assert mae(labels, scores) == 0.75
    assert r2(labels, scores) == pytest.approx(1 - 5 / 14)


def test_perfect_scores_reach_the_best_values() -> None:
    labels = [1.0, 5.0, 2.0]
    assert (rmse(labels, labels), mae(labels, labels), r2(labels, labels)) == (0.0, 0.0, 1.0)


def test_saying_the_mean_explains_nothing() -> None:
    assert r2([1.0, 2.0, 6.0], [3.0, 3.0, 3.0]) == pytest.approx(0.0, abs=1e-12)


def test_r2_keeps_its_digits_far_from_zero() -> None:
    random = np.random.default_rng(0)
    labels = random.normal(size=100)
    scores = labels + random.normal(size=100)
    assert r2(labels + 1e9, scores + 1e9) == pytest.approx(r2(labels, scores), rel=1e-5)


@pytest.mark.parametrize("labels", [[4.0], [0.1, 0.1, 0.1]])
def test_labels_that_are_all_equal_have_no_r2(labels: list[float]) -> None:
    assert np.isnan(r2(labels, labels))
    assert rmse(labels, labels) == 0.0


def test_a_resample_of_equal_labels_has_no_r2() -> None:
    weights = np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    values = prepare_r2([0.1, 0.7, 0.3], [0.2, 0.6, 0.3])(weights)
    assert np.isnan(values).tolist() == [False, True, True]
