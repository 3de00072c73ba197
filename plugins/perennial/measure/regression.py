"""How far predicted numbers lie from the true ones.

Labels, scores and the optional weights are finite and have the shape (n,). Each metric
`m(labels, scores, weights)` has a twin `prepare_m(labels, scores)` that answers for many
weightings at once (see `weighting`). All raise ValueError for NaN or infinite values, for no
rows, and for weights that are negative or all zero. How sure one may be of them, `intervals`
tells.
"""

import numpy as np
import numpy.typing as npt

from perennial.measure.inputs import FloatArray, paired_vectors
from perennial.measure.weighting import Statistic, ratio, value_at, weighted_mean


def rmse(
    labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Root of the mean squared error, in the unit of the label.

    The smaller the better, 0 to infinity. Best met by the conditional mean; a few large errors
    outweigh many small ones.

    `sqrt(sum(w * (s - y)**2) / sum(w))`

    Hyndman and Koehler (2006), doi:10.1016/j.ijforecast.2006.03.001.

    >>> round(rmse([0, 0, 0, 0], [1, 1, 1, 5]), 4)
    2.6458
    """
    return value_at(prepare_rmse, labels, scores, weights)


def prepare_rmse(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Statistic:
    """Root mean squared error at many weightings."""
    truth, predicted = paired_vectors(labels, scores)
    mean_square = weighted_mean((predicted - truth) ** 2)

    def statistic(weights: FloatArray) -> FloatArray:
        return np.sqrt(mean_square(weights))

    return statistic


def mae(
    labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Mean absolute error, in the unit of the label.

    The smaller the better, 0 to infinity. Best met by the conditional median.

    `sum(w * abs(s - y)) / sum(w)`

    Willmott and Matsuura (2005), doi:10.3354/cr030079.

    >>> mae([0, 0], [3, 4])
    3.5
    """
    return value_at(prepare_mae, labels, scores, weights)


def prepare_mae(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Statistic:
    """Mean absolute error at many weightings."""
    truth, predicted = paired_vectors(labels, scores)
    return weighted_mean(np.abs(predicted - truth))


def r2(labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Share of the labels' variance that the scores explain.

    The larger the better, minus infinity to 1; 0 for always saying the mean. Labels that are all
    equal (so also n = 1) have no variance to explain: NaN, even for a perfect prediction.

    `1 - sum(w * (s - y)**2) / sum(w * (y - mean)**2)`, mean being the weighted mean of y

    Kvalseth (1985), Cautionary note about R2, doi:10.1080/00031305.1985.10479448.

    >>> r2([1, 2, 3], [1, 2, 4])
    0.5
    """
    return value_at(prepare_r2, labels, scores, weights)


def prepare_r2(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Statistic:
    """R squared at many weightings."""
    truth, predicted = paired_vectors(labels, scores)
    centred = truth - truth.mean()
    columns = np.column_stack([(predicted - truth) ** 2, centred**2, centred])

    def statistic(weights: FloatArray) -> FloatArray:
        error, square, shift = (weights @ columns).T
        lost = ratio(shift**2, weights.sum(axis=1))
        spread = square - lost
        # Where nothing but rounding is left of the difference, all labels taken were equal.
        spread[spread <= 1e-12 * square] = 0.0
        return 1 - ratio(error, spread)

    return statistic
