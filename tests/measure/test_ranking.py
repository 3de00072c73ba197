"""Rows sorted once by score, ties together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perennial.measure.ranking import rank

binary = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=1, max_size=30)


@given(binary)
def test_counts_are_what_counting_each_threshold_gives(rows: list[tuple[int, int]]) -> None:
    labels, scores = np.array(rows, dtype=float).T
    ranking = rank(labels, scores)
    positive, negative = ranking.counts(np.ones((1, labels.size)))
    assert ranking.thresholds.tolist() == sorted(set(scores), reverse=True)
    assert positive[0].tolist() == [labels[scores >= t].sum() for t in ranking.thresholds]
    assert negative[0].tolist() == [(1 - labels)[scores >= t].sum() for t in ranking.thresholds]


def test_the_widest_scores_are_told_apart() -> None:
    largest = np.finfo(np.float64).max
    assert rank([0, 1], [-largest, largest]).thresholds.tolist() == [largest, -largest]


def test_zero_and_minus_zero_are_a_tie() -> None:
    assert rank([0, 1], [0.0, -0.0]).ends.tolist() == [1]


def test_weights_are_left_as_they_were() -> None:
    weights = np.array([[1.0, 2.0]])
    rank([0, 1], [0.2, 0.1]).counts(weights)
    assert weights.tolist() == [[1.0, 2.0]]
