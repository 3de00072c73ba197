"""Whether answers are right on average, and neither too bold nor too timid.

Both are statistics of weighted rows (see `weighting`), so that `intervals` bounds them. Together
they tell whether shifting and stretching the answers would be enough (a recalibration), which
leaves their ranking as it is.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from perennial.measure.calibration import bins_of, equal_mass_edges
from perennial.measure.inputs import FloatArray, paired_vectors, probability_rows
from perennial.measure.weighting import Statistic, ratio, value_at, weighted_mean

N_BINS = 200
"""Rows of nearly the same probability are taken together; the slope moves by less than 0.01."""

CLIP = 1e-6
"""Probabilities of 0 and 1 have no log-odds: they count as so far from the end."""

ROUNDS = 25


def calibration_in_the_large(
    labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Mean label minus mean score, in the label's unit: above 0 the answers are too low.

    0 is right on average. Labels and scores (n,) are finite. For binary -1 to 1.

    `sum(w * (y - s)) / sum(w)`

    Van Calster et al. (2019), doi:10.1186/s12916-019-1466-7.

    >>> calibration_in_the_large([1, 1, 0, 0], [0.25, 0.25, 0.25, 0.25])
    0.25
    """
    return value_at(prepare_calibration_in_the_large, labels, scores, weights)


def prepare_calibration_in_the_large(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Statistic:
    """Calibration in the large at many weightings."""
    truth, scored = paired_vectors(labels, scores)
    return weighted_mean(truth - scored)


def calibration_slope(
    labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Slope of the labels on the answers' log-odds: 1 is right, below 1 the answers are too bold.

    Labels (n,) are 0 or 1, scores (n,) probabilities; ValueError otherwise. NaN for a single class,
    for scores that are all equal, and where scores separate the classes perfectly.

    `b` of the logistic regression `log(P / (1 - P)) = a + b * log(s / (1 - s))`

    Cox (1958), doi:10.1093/biomet/45.3-4.562.

    >>> honest = np.repeat([0.2, 0.8], 50)
    >>> truth = np.concatenate([np.repeat([0, 1], [40, 10]), np.repeat([0, 1], [10, 40])])
    >>> round(calibration_slope(truth, honest), 3)
    1.0
    """
    return value_at(prepare_calibration_slope, labels, scores, weights)


def prepare_calibration_slope(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Statistic:
    """Calibration slope at many weightings, by Newton's method on bins of like probability."""
    truth, scored = probability_rows(labels, scores)
    odds = logit(np.clip(scored, CLIP, 1 - CLIP))
    bins = bins_of(odds, equal_mass_edges(odds, N_BINS))
    n_bins = int(bins.max()) + 1
    sums = np.bincount(bins, weights=odds, minlength=n_bins).astype(np.float64)
    centres = sums / np.maximum(np.bincount(bins, minlength=n_bins), 1)
    inside = np.zeros((truth.size, n_bins))
    inside[np.arange(truth.size), bins] = 1.0
    positives_inside = inside * truth[:, np.newaxis]

    def statistic(weights: FloatArray) -> FloatArray:
        return _logistic_slope(centres, weights @ inside, weights @ positives_inside)

    return statistic


def regression_slope(
    labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Slope of the labels on the answers: 1 is right, below 1 the answers are too bold.

    Labels and scores (n,) are finite. NaN for scores that are all equal.

    `cov(y, s) / var(s)`

    Mincer and Zarnowitz (1969), in Economic Forecasts and Expectations, ISBN 0-870-14202-X.

    >>> regression_slope([1, 2, 3], [2, 4, 6])
    0.5
    """
    return value_at(prepare_regression_slope, labels, scores, weights)


def prepare_regression_slope(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Statistic:
    """Regression slope at many weightings."""
    truth, scored = paired_vectors(labels, scores)
    y, s = truth - truth.mean(), scored - scored.mean()
    columns = np.column_stack([s * y, s * s, s, y])

    def statistic(weights: FloatArray) -> FloatArray:
        both, square, score, label = (weights @ columns).T
        total = weights.sum(axis=1)
        spread = square - ratio(score**2, total)
        spread[spread <= 1e-12 * square] = 0.0  # nothing but rounding: all scores taken were equal
        return ratio(both - ratio(score * label, total), spread)

    return statistic


def _logistic_slope(x: FloatArray, totals: FloatArray, positives: FloatArray) -> FloatArray:
    """Slopes (b,) of positives (b, k) of totals (b, k) on x (k,); NaN where there is none."""
    n, rate = totals.sum(axis=1), positives.sum(axis=1)
    is_defined = (rate > 0) & (rate < n)
    intercept = logit(np.where(is_defined, rate / np.where(n > 0, n, 1), 0.5))
    slope = np.zeros(n.size)
    is_done = np.zeros(n.size, dtype=bool)
    for _ in range(ROUNDS):
        said = expit(intercept[:, np.newaxis] + slope[:, np.newaxis] * x)
        error = positives - totals * said
        curve = totals * said * (1 - said)
        a, b, c = curve.sum(axis=1), curve @ x, curve @ x**2
        determinant = a * c - b**2
        # Equal scores, or classes that the scores separate: there is no line to be found.
        is_defined &= determinant > 1e-9 * np.maximum(a * c, 1e-300)
        down = np.where(is_defined, determinant, 1.0)
        first, second = error.sum(axis=1), error @ x
        step = np.where(is_defined, (a * second - b * first) / down, 0.0)
        intercept += np.where(is_defined, (c * first - b * second) / down, 0.0)
        slope += step
        is_done = np.abs(step) <= 1e-8 * (1 + np.abs(slope))
        if is_done.all():
            break
    return np.where(is_defined & is_done & (np.abs(slope) < 50), slope, np.nan)
