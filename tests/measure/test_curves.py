"""Curves against scikit-learn, and what thinning keeps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve, roc_curve

from perennial.measure.classification import average_precision, roc_auc
from perennial.measure.curves import evenly_along, precision_recall_points, roc_points
from perennial.measure.inputs import FloatArray


def tied_rows(n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, size=n).astype(float)
    return labels, np.round(random.normal(size=n) + labels, 1), random.exponential(size=n)


def test_roc_points_are_scikit_learns() -> None:
    labels, scores, weights = tied_rows(300)
    false_positive, true_positive, thresholds = roc_curve(
        labels, scores, sample_weight=weights, drop_intermediate=False
    )
    points = roc_points(labels, scores, weights)
    np.testing.assert_allclose(points.false_positive_shares, false_positive, atol=1e-12)
    np.testing.assert_allclose(points.true_positive_shares, true_positive, atol=1e-12)
    np.testing.assert_allclose(points.thresholds[1:], thresholds[1:])


def test_precision_recall_points_are_scikit_learns_but_for_the_made_up_one() -> None:
    labels, scores, weights = tied_rows(300)
    precisions, recalls, thresholds = precision_recall_curve(labels, scores, sample_weight=weights)
    points = precision_recall_points(labels, scores, weights)
    np.testing.assert_allclose(points.precisions, precisions[-2::-1])
    np.testing.assert_allclose(points.recalls, recalls[-2::-1], atol=1e-12)
    np.testing.assert_allclose(points.thresholds, thresholds[::-1])


def test_the_area_under_all_points_is_the_metric() -> None:
    labels, scores, weights = tied_rows(300)
    roc = roc_points(labels, scores, weights)
    area = np.trapezoid(roc.true_positive_shares, roc.false_positive_shares)
    assert area == pytest.approx(roc_auc(labels, scores, weights))
    steps = precision_recall_points(labels, scores, weights)
    area = np.sum(np.diff(steps.recalls, prepend=0.0) * steps.precisions)
    assert area == pytest.approx(average_precision(labels, scores, weights))


def test_thinned_points_lie_on_the_curve_and_keep_its_area_and_its_ends() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, size=20_000)
    scores = random.normal(size=20_000) + labels
    every, thin = (roc_points(labels, scores, n_points=n) for n in (100_000, 100))
    assert thin.thresholds.size <= 100 < every.thresholds.size
    assert set(thin.thresholds) <= set(every.thresholds)
    assert (thin.false_positive_shares[0], thin.true_positive_shares[0]) == (0.0, 0.0)
    assert (thin.false_positive_shares[-1], thin.true_positive_shares[-1]) == (1.0, 1.0)
    area = np.trapezoid(thin.true_positive_shares, thin.false_positive_shares)
    assert area == pytest.approx(roc_auc(labels, scores), abs=1e-3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.integers(2, 20))
def test_thinning_keeps_both_ends_in_order_and_no_more_than_asked(
    heights: list[float], n_points: int
) -> None:
    kept = evenly_along(np.linspace(0, 1, len(heights)), np.array(heights), n_points)
    assert kept[0] == 0
    assert kept[-1] == len(heights) - 1
    assert len(kept) <= n_points
    assert (np.diff(kept) > 0).all()


def test_thinning_ends_at_the_last_point_even_where_points_coincide() -> None:
    assert evenly_along(np.array([0.0, 0.5, 1.0, 1.0]), np.zeros(4), 2).tolist() == [0, 3]


def test_thinning_leaves_no_gap_that_the_curve_does_not_have() -> None:
    x = np.linspace(0, 1, 1_000)
    y = np.where(x < 0.5, 0.0, np.linspace(-1, 1, 1_000) ** 3)
    kept = evenly_along(x, y, 50)
    walked = np.abs(np.diff(x[kept])) + np.abs(np.diff(y[kept]))
    assert walked.max() <= 2 / 49 + 0.01


@pytest.mark.parametrize("label", [0, 1])
def test_without_both_classes_there_is_no_roc_curve(label: int) -> None:
    assert roc_points([label] * 3, [0.1, 0.2, 0.3]).thresholds.size == 0


def test_without_a_positive_there_is_no_precision_recall_curve() -> None:
    assert precision_recall_points([0, 0], [0.1, 0.2]).thresholds.size == 0


def test_rows_of_weight_zero_have_no_point() -> None:
    points = precision_recall_points([0, 1, 0], [0.9, 0.5, 0.1], [0.0, 1.0, 1.0])
    assert points.thresholds.tolist() == [0.5, 0.1]


def test_every_threshold_is_finite_so_that_plots_can_be_written_down() -> None:
    points = roc_points([0, 1], [0.1, 0.9])
    assert np.isfinite(points.thresholds).all()
    assert points.thresholds[0] > 0.9


def test_a_scoreless_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        roc_points([0, 1], [0.1, np.nan])
    with pytest.raises(ValueError, match="n_points must be at least 2"):
        roc_points([0, 1], [0.1, 0.2], n_points=1)
