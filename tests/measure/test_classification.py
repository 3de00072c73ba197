"""Binary metrics against scikit-learn, by hand, and at their edges."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from perennial.measure.classification import (
    average_precision,
    brier_score,
    log_loss,
    prepare_average_precision,
    prepare_roc_auc,
    roc_auc,
)

EPS = float(np.finfo(np.float64).eps)
tied_rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(0, 3)), min_size=2, max_size=40
)


@given(tied_rows)
def test_every_metric_is_scikit_learns_with_ties_and_weights(
    rows: list[tuple[int, int, int]],
) -> None:
    labels, eighths, weights = np.array(rows, dtype=float).T
    assume((labels * weights).any() and ((1 - labels) * weights).any())
    scores = eighths / 8
    for ours, theirs in [
        (roc_auc, sklearn_metrics.roc_auc_score),
        (average_precision, sklearn_metrics.average_precision_score),
        (brier_score, sklearn_metrics.brier_score_loss),
        (log_loss, sklearn_metrics.log_loss),
    ]:
        expected = theirs(labels, scores, sample_weight=weights)
        assert ours(labels, scores, weights) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(tied_rows)
def test_roc_auc_is_the_share_of_pairs_in_order(rows: list[tuple[int, int, int]]) -> None:
    labels, scores, _ = np.array(rows, dtype=float).T
    assume(0 < labels.sum() < labels.size)
    pairs = itertools.product(scores[labels == 1], scores[labels == 0])
    won = [1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs]
    assert roc_auc(labels, scores) == pytest.approx(np.mean(won), rel=1e-12)


def test_roc_auc_of_turned_scores_is_the_complement() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 100), random.integers(0, 9, 100)
    assert roc_auc(labels, scores) + roc_auc(labels, -scores) == pytest.approx(1.0, rel=1e-12)


def test_ranking_metrics_see_only_the_order() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 100), random.normal(size=100)
    assert roc_auc(labels, scores) == roc_auc(labels, np.exp(scores))
    assert average_precision(labels, scores) == average_precision(labels, np.exp(scores))


def test_perfect_scores_reach_the_best_values() -> None:
    labels = [0, 0, 1, 1, 1]
    assert roc_auc(labels, labels) == 1.0
    assert average_precision(labels, labels) == 1.0
    assert brier_score(labels, labels) == 0.0
    assert log_loss(labels, labels) == pytest.approx(0.0, abs=1e-15)


def test_scores_that_are_all_equal_know_nothing() -> None:
    labels = [0, 0, 0, 1]
    assert roc_auc(labels, [0.3] * 4) == 0.5
    assert average_precision(labels, [0.3] * 4) == 0.25


def test_values_worked_by_hand() -> None:
    labels, scores = [1, 0, 1, 0], [0.9, 0.8, 0.4, 0.1]
    assert roc_auc(labels, scores) == 0.75  # 3 of the 4 pairs
    assert average_precision(labels, scores) == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert brier_score(labels, scores) == pytest.approx((0.01 + 0.64 + 0.36 + 0.01) / 4)
    assert log_loss(labels, scores) == pytest.approx(-np.log(0.9 * 0.2 * 0.4 * 0.9) / 4)


def test_a_wrong_certainty_costs_much_but_not_infinitely() -> None:
    assert log_loss([1], [0.0]) == pytest.approx(-np.log(EPS))
    assert log_loss([0], [1.0]) == pytest.approx(-np.log(EPS))


@pytest.mark.parametrize(("label", "precision"), [(1.0, 1.0), (0.0, np.nan)])
def test_a_single_class_has_no_ranking(label: float, precision: float) -> None:
    labels, scores = [label] * 3, [0.1, 0.2, 0.3]
    assert np.isnan(roc_auc(labels, scores))
    np.testing.assert_equal(average_precision(labels, scores), precision)
    assert brier_score(labels, scores) > 0
    assert log_loss(labels, scores) > 0


def test_a_class_of_weight_zero_is_a_class_that_is_not_there() -> None:
    assert np.isnan(roc_auc([0, 1], [0.1, 0.9], [1.0, 0.0]))


def test_rows_of_weight_zero_above_all_others_are_as_if_absent() -> None:
    labels, scores, weights = [0, 1, 0], [0.9, 0.5, 0.1], [0.0, 1.0, 1.0]
    assert average_precision(labels, scores, weights) == 1.0
    assert roc_auc(labels, scores, weights) == 1.0


def test_only_the_resamples_of_a_single_class_are_undefined() -> None:
    weights = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])
    np.testing.assert_array_equal(
        prepare_roc_auc([0, 1], [0.1, 0.9])(weights), [1.0, np.nan, np.nan]
    )
    np.testing.assert_array_equal(
        prepare_average_precision([0, 1], [0.1, 0.9])(weights), [1.0, np.nan, 1.0]
    )
