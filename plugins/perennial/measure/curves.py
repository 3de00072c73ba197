"""The ROC and precision-recall curves, thinned to as many points as a plot can show.

The reliability curve has its few points from `calibration.reliability_points`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perennial.measure.inputs import FloatArray, IntArray, row_weights
from perennial.measure.ranking import Ranking, rank

DEFAULT_N_POINTS = 200


@dataclass(frozen=True)
class RocPoints:
    """From (0, 0) to (1, 1), by falling threshold; each array has the shape (k,)."""

    false_positive_shares: FloatArray
    true_positive_shares: FloatArray
    thresholds: FloatArray


@dataclass(frozen=True)
class PrecisionRecallPoints:
    """By falling threshold, that is rising recall; each array has the shape (k,)."""

    recalls: FloatArray
    precisions: FloatArray
    thresholds: FloatArray


def roc_points(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    n_points: int = DEFAULT_N_POINTS,
) -> RocPoints:
    """Return the share of positives taken against the share of negatives, at each threshold.

    Labels (n,) are 0 or 1, scores (n,) finite; ValueError otherwise. Ties enter together, as one
    straight piece. The threshold of (0, 0) is the number next above the highest score. Without
    both classes there is no curve: no points. At most `n_points` are kept, evenly along the
    curve. A share p of m rows is known to about `sqrt(p * (1 - p) / m)`.

    Fawcett (2006), doi:10.1016/j.patrec.2005.10.010.

    >>> points = roc_points([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1])
    >>> points.false_positive_shares, points.true_positive_shares
    (array([0. , 0. , 0.5, 1. ]), array([0. , 0.5, 1. , 1. ]))
    """
    positive, negative, thresholds = _counts(rank(labels, scores), weights)
    if positive[-1] == 0 or negative[-1] == 0:
        return RocPoints(*np.empty((3, 0)))
    false_positive = np.append(0.0, negative / negative[-1])
    true_positive = np.append(0.0, positive / positive[-1])
    thresholds = np.append(np.nextafter(thresholds[0], np.inf), thresholds)
    kept = evenly_along(false_positive, true_positive, n_points)
    return RocPoints(false_positive[kept], true_positive[kept], thresholds[kept])


def precision_recall_points(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    n_points: int = DEFAULT_N_POINTS,
) -> PrecisionRecallPoints:
    """Return the precision against the recall, at each threshold.

    Labels (n,) are 0 or 1, scores (n,) finite; ValueError otherwise. Ties enter together. No
    point is made up at recall 0, where precision is not defined. Draw it as steps: between two
    points a straight line promises too much. Without a positive there is no curve: no points.
    At most `n_points` are kept, evenly along the curve.

    Davis and Goadrich (2006), doi:10.1145/1143844.1143874.

    >>> points = precision_recall_points([1, 0, 1], [0.9, 0.8, 0.4])
    >>> points.recalls, points.precisions.round(2)
    (array([0.5, 0.5, 1. ]), array([1.  , 0.5 , 0.67]))
    """
    positive, negative, thresholds = _counts(rank(labels, scores), weights)
    if positive[-1] == 0:
        return PrecisionRecallPoints(*np.empty((3, 0)))
    recall = positive / positive[-1]
    precision = positive / (positive + negative)
    kept = evenly_along(recall, precision, n_points)
    return PrecisionRecallPoints(recall[kept], precision[kept], thresholds[kept])


def evenly_along(x: FloatArray, y: FloatArray, n_points: int) -> IntArray:
    """Return rising indices of at most `n_points` of the points (k,), both ends among them.

    Distance is walked in both directions, so steep and flat pieces keep their share and only
    real jumps stay wide.

    >>> evenly_along(np.array([0.0, 0.1, 0.5, 1.0]), np.zeros(4), 3).tolist()
    [0, 2, 3]
    """
    if n_points < 2:
        raise ValueError(f"n_points must be at least 2, got {n_points}")
    if x.size <= n_points:
        return np.arange(x.size)
    walked = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    kept = np.searchsorted(walked, np.linspace(0.0, walked[-1], n_points))
    return np.unique(np.append(kept[:-1], x.size - 1))


def _counts(
    ranking: Ranking, weights: npt.ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Positives and negatives at or above each threshold that some weight stands at."""
    weighting = row_weights(weights, ranking.order.size)
    positive, negative = (counts[0] for counts in ranking.counts(weighting[np.newaxis]))
    held = np.diff(positive + negative, prepend=0.0) > 0
    return positive[held], negative[held], ranking.thresholds[held]
