"""Trees taught by labels and by the champion: what is learned, worked by hand, and what is kept."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perennial.learn.lightgbm_distilling import as_weighted, mixed


def test_the_target_is_the_one_worked_by_hand() -> None:
    # A teacher sure by log-odds 1 says 1 / (1 + e^-1) = 0.7310585786.
    target = mixed("binary", np.array([0.0]), np.array([1.0]), weight=0.25)
    assert target[0] == pytest.approx(0.25 * 0.7310585786300049)
    number = mixed("regression", np.array([10.0]), np.array([14.0]), 0.25)
    assert number[0] == pytest.approx(11.0)


def test_two_weighted_rows_are_one_with_a_target_between() -> None:
    target = np.array([0.3, 1.0])
    taught = as_weighted("binary", np.array([[1.0], [2.0]]), target)
    assert taught.weights is not None
    for answer in (0.1, 0.5, 0.9):
        by_rows = -taught.weights * np.where(
            taught.labels == 1, math.log(answer), math.log(1 - answer)
        )
        whole = -(target * math.log(answer) + (1 - target) * math.log(1 - answer))
        np.testing.assert_allclose(by_rows.reshape(2, 2).sum(axis=1), whole)
    np.testing.assert_array_equal(taught.matrix.ravel(), [1, 1, 2, 2])
