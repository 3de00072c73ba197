"""What the statistics accept."""

import numpy as np
import pytest

from perennial.measure.inputs import (
    binary_rows,
    finite_vector,
    paired_vectors,
    probability_rows,
    row_weights,
)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_row(bad: float) -> None:
    with pytest.raises(ValueError, match=r"scores must be finite.*1 of 3.*row 1"):
        finite_vector([0.0, bad, 1.0], "scores")


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        finite_vector([], "scores")


def test_a_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(n,\), got \(2, 1\)"):
        finite_vector([[1.0], [2.0]], "scores")


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="of one length, got 2 and 3"):
        paired_vectors([1, 2], [1, 2, 3])


@pytest.mark.parametrize("bad", [2.0, -1.0, 0.5])
def test_a_label_other_than_0_and_1_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="labels must be 0 or 1"):
        binary_rows([0.0, bad], [0.1, 0.2])


@pytest.mark.parametrize("bad", [1.0001, -0.1])
def test_a_probability_out_of_range_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\]"):
        probability_rows([0, 1], [0.5, bad])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], "one value a row, got 1 for 2 rows"),
        ([1.0, -1.0], "must not be negative"),
        ([0.0, 0.0], "must not all be zero"),
        ([1.0, np.nan], "must be finite"),
    ],
)
def test_weights_that_weigh_nothing_sensible_are_refused(
    weights: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        row_weights(weights, 2)


def test_no_weights_are_ones() -> None:
    assert row_weights(None, 3).tolist() == [1.0, 1.0, 1.0]
