"""How well scores tell positives (1) from negatives (0).

Labels are 0 or 1, shape (n,); scores and the optional weights have the same shape. Each metric
`m(labels, scores, weights)` has a twin `prepare_m(labels, scores)` that answers for many
weightings at once (see `weighting`). All raise ValueError for NaN or infinite scores, for no
rows, for labels other than 0 and 1, and for weights that are negative or all zero.

A ranking of a single class is not a bad ranking but none, so `roc_auc` without both classes and
`average_precision` without a positive are NaN: an error would cost a whole bootstrap for one
unlucky resample, and any number (0, 0.5) would be averaged and compared as if it had been seen.
How sure one may be of any of these metrics, `intervals` tells.
"""

import numpy as np
import numpy.typing as npt

from perennial.measure.inputs import FloatArray, probability_rows
from perennial.measure.ranking import rank
from perennial.measure.weighting import Statistic, ratio, value_at, weighted_mean


def log_loss(
    labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Mean surprise at the outcomes, in nats.

    The smaller the better, 0 to 36.04; log 2 = 0.693 for always saying one half. Scores are
    probabilities (n,) in [0, 1] and are clipped to [eps, 1 - eps], eps = 2.2e-16, because a
    single wrong certainty would otherwise make the mean infinite, and the difference of two
    such means NaN. Defined for a single class.

    `-sum(w * (y * log(p) + (1 - y) * log(1 - p))) / sum(w)`

    Good (1952), Rational decisions, doi:10.1111/j.2517-6161.1952.tb00104.x.

    >>> round(log_loss([1, 0], [0.8, 0.4]), 4)
    0.367
    """
    return value_at(prepare_log_loss, labels, scores, weights)


def prepare_log_loss(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Statistic:
    """Log loss at many weightings."""
    truth, scored = probability_rows(labels, scores)
    eps = np.finfo(np.float64).eps
    clipped = np.clip(scored, eps, 1 - eps)
    return weighted_mean(-np.where(truth == 1, np.log(clipped), np.log1p(-clipped)))


def brier_score(
    labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Mean squared distance between probability and outcome.

    The smaller the better, 0 to 1; 0.25 for always saying one half. Scores are probabilities
    (n,) in [0, 1]. Defined for a single class.

    `sum(w * (p - y)**2) / sum(w)`

    Brier (1950), Verification of forecasts expressed in terms of probability,
    doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    >>> round(brier_score([1, 0], [0.8, 0.4]), 4)
    0.1
    """
    return value_at(prepare_brier_score, labels, scores, weights)


def prepare_brier_score(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Statistic:
    """Brier score at many weightings."""
    truth, scored = probability_rows(labels, scores)
    return weighted_mean((scored - truth) ** 2)


def roc_auc(
    labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Probability that a positive row scores above a negative one, a tie counting one half.

    The larger the better, 0 to 1; 0.5 for scores that know nothing. Only the order of the scores
    (n,) matters. All equal: 0.5. A single class: NaN.

    `(sum of w_i * w_j over pairs s_i > s_j, plus half of it over pairs s_i = s_j)
    / (W_positive * W_negative)`, i positive and j negative, as the area under the ROC curve.

    Hanley and McNeil (1982), doi:10.1148/radiology.143.1.7063747.

    >>> roc_auc([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1])
    0.875
    """
    return value_at(prepare_roc_auc, labels, scores, weights)


def prepare_roc_auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Statistic:
    """Area under the ROC curve at many weightings; sorts once."""
    ranking = rank(labels, scores)

    def statistic(weights: FloatArray) -> FloatArray:
        positive, negative = ranking.counts(weights)
        new_negative = np.diff(negative, axis=1, prepend=0.0)
        # A positive of the same score as the new negatives counts half: the trapezium.
        above = positive.copy()
        above[:, 1:] += positive[:, :-1]
        area = np.einsum("bm,bm->b", new_negative, above) / 2
        return ratio(area, positive[:, -1] * negative[:, -1])

    return statistic


def average_precision(
    labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Precision at each threshold, averaged over the positives that it adds.

    The larger the better, above 0 and up to 1; about the share of positives for scores that know
    nothing, so it compares only where that share is alike. Only the order of the scores (n,)
    matters; ties enter together, without interpolation. All equal: the share of positives. No
    positive: NaN. No negative: 1.

    `sum over thresholds k of (recall_k - recall_(k-1)) * precision_k`

    Boyd, Eng and Page (2013), doi:10.1007/978-3-642-40994-3_29.

    >>> round(average_precision([1, 0, 1, 0], [0.9, 0.8, 0.4, 0.1]), 4)
    0.8333
    """
    return value_at(prepare_average_precision, labels, scores, weights)


def prepare_average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Statistic:
    """Average precision at many weightings; sorts once."""
    ranking = rank(labels, scores)

    def statistic(weights: FloatArray) -> FloatArray:
        positive, negative = ranking.counts(weights)
        taken = np.add(positive, negative, out=negative)
        # Nothing taken yet (rows of weight 0 lead): no new positives either, so any precision does.
        precision = np.divide(positive, taken, out=taken, where=taken > 0)
        new_positive = np.diff(positive, axis=1, prepend=0.0)
        return ratio(np.einsum("bm,bm->b", new_positive, precision), positive[:, -1])

    return statistic
