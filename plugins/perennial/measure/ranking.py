"""Rows sorted once by score, equal scores kept together."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perennial.measure.inputs import FloatArray, IntArray, binary_rows


@dataclass(frozen=True)
class Ranking:
    """Binary rows from the highest score down, ready to be counted at every threshold.

    Rows of one score stand or fall together: `ends` marks the last row of each such group, so
    that no result depends on the order in which ties happened to be sorted.
    """

    order: IntArray
    """The row at each rank, shape (n,)."""
    labels: FloatArray
    """The label at each rank, shape (n,)."""
    ends: IntArray
    """The last rank of each distinct score, shape (m,)."""
    thresholds: FloatArray
    """The distinct scores, falling, shape (m,)."""

    def counts(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the weight of positives and of negatives at or above each threshold.

        Takes weights (b, n) and returns two arrays (b, m), rising along each row.
        """
        ranked = np.take(weights, self.order, axis=1)
        positive = ranked * self.labels
        negative = np.subtract(ranked, positive, out=ranked)
        np.cumsum(positive, axis=1, out=positive)
        np.cumsum(negative, axis=1, out=negative)
        if self.ends.size == self.order.size:
            return positive, negative
        return np.take(positive, self.ends, axis=1), np.take(negative, self.ends, axis=1)


def rank(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Ranking:
    """Sort labels (n,), each 0 or 1, by finite scores (n,); ValueError for anything else.

    >>> ranking = rank([0, 1, 1], [0.2, 0.9, 0.2])
    >>> ranking.thresholds
    array([0.9, 0.2])
    >>> ranking.counts(np.ones((1, 3)))
    (array([[1., 2.]]), array([[0., 1.]]))
    """
    truth, scored = binary_rows(labels, scores)
    order = np.argsort(-scored, kind="stable")
    falling = scored[order]
    ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), falling.size - 1)
    return Ranking(order=order, labels=truth[order], ends=ends, thresholds=falling[ends])
