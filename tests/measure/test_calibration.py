"""Calibration against scikit-learn, by hand, and at its edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from perennial.measure.calibration import (
    bins_of,
    equal_mass_edges,
    expected_calibration_error,
    prepare_expected_calibration_error,
    reliability_points,
)
from perennial.measure.inputs import FloatArray


def rows(n: int, shift: float = 0.0, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Labels drawn with probabilities in [0.2, 0.8], and those probabilities plus `shift`."""
    random = np.random.default_rng(seed)
    probabilities = random.uniform(0.2, 0.8, size=n)
    return (random.random(n) < probabilities).astype(float), probabilities + shift


def test_bins_hold_the_same_number_of_rows() -> None:
    scores = np.random.default_rng(0).random(1_000)
    bins = bins_of(scores, equal_mass_edges(scores, n_bins=10))
    assert np.bincount(bins).tolist() == [100] * 10


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 12))
def test_equal_scores_share_a_bin_and_bins_follow_the_scores(
    fifths: list[int], n_bins: int
) -> None:
    scores = np.array(fifths) / 5
    bins = bins_of(scores, equal_mass_edges(scores, n_bins))
    assert bins.max() < n_bins
    assert all(len(set(bins[scores == score])) == 1 for score in scores)
    assert (np.diff(bins[np.argsort(scores)]) >= 0).all()


def test_reliability_points_are_scikit_learns() -> None:
    labels, scores = rows(1_000)
    shares, means = calibration_curve(labels, scores, n_bins=10, strategy="quantile")
    points = reliability_points(labels, scores, n_bins=10)
    # Theirs interpolate the edges between two scores; the rows of each bin are the same.
    np.testing.assert_allclose(points.positive_shares, shares)
    np.testing.assert_allclose(points.mean_scores, means)


def test_the_error_is_the_weighted_mean_of_the_points_gaps() -> None:
    labels, scores = rows(500, shift=0.1)
    weights = np.random.default_rng(1).exponential(size=500)
    points = reliability_points(labels, scores, weights)
    gaps = np.abs(points.positive_shares - points.mean_scores)
    assert points.bin_weights.sum() == pytest.approx(weights.sum())
    assert expected_calibration_error(labels, scores, weights) == pytest.approx(
        np.average(gaps, weights=points.bin_weights)
    )


def test_a_value_worked_by_hand() -> None:
    labels = [0, 1, 0, 1, 1, 1]
    scores = [0.1, 0.1, 0.4, 0.7, 0.7, 0.7]
    # Two bins: 0.1, 0.1, 0.4 with one positive of three; 0.7 with three of three.
    expected = (3 * abs(1 / 3 - 0.2) + 3 * abs(1 - 0.7)) / 6
    assert expected_calibration_error(labels, scores, n_bins=2) == pytest.approx(expected)


def test_a_shift_of_all_probabilities_is_the_error() -> None:
    labels, scores = rows(100_000, shift=0.1)
    assert expected_calibration_error(labels, scores) == pytest.approx(0.1, abs=0.005)


def test_chance_alone_adds_what_the_docstring_says() -> None:
    found = [expected_calibration_error(*rows(1_000, seed=seed)) for seed in range(100)]
    p = np.linspace(0.2, 0.8, 1_001)
    expected = np.mean(0.8 * np.sqrt(p * (1 - p) * 10 / 1_000))
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


def test_scores_that_are_all_equal_make_one_bin() -> None:
    assert expected_calibration_error([0, 0, 0, 1], [0.5] * 4) == 0.25
    assert reliability_points([0, 0, 0, 1], [0.5] * 4).positive_shares.tolist() == [0.25]


def test_fewer_rows_than_bins_make_a_bin_a_row() -> None:
    assert expected_calibration_error([0, 1], [0.2, 0.6]) == pytest.approx(0.3)


def test_a_single_row_is_measured() -> None:
    assert expected_calibration_error([1], [0.25]) == 0.75


def test_weights_never_move_the_bins() -> None:
    # By themselves the two rows that are left would be told apart.
    labels, scores = [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]
    value = prepare_expected_calibration_error(labels, scores, 2)(np.array([[1.0, 1.0, 0.0, 0.0]]))
    assert value[0] == pytest.approx(abs(0.5 - 0.15))


def test_bins_without_weight_have_no_point() -> None:
    points = reliability_points([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], [1, 1, 0, 0], n_bins=2)
    assert points.bin_weights.tolist() == [2.0]


def test_no_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="n_bins must be at least 1, got 0"):
        expected_calibration_error([0, 1], [0.1, 0.2], n_bins=0)
