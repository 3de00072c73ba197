"""Statistics of weighted rows, evaluated at many weightings in one call.

A resample of n rows is nothing but n counts, so a bootstrap is one statistic at many weightings.
What does not depend on the weights (checking, sorting, the loss of each row) is done once, when
the statistic is prepared.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from perennial.measure.inputs import FloatArray, row_weights

Statistic = Callable[[FloatArray], FloatArray]
"""From weights (b, n), trusted to be finite and not negative, to one value each (b,).

A weighting for which the statistic is not defined gives NaN in its place, never an error: one
resample without a positive row must not cost the other 999.
"""

Prepare = Callable[[npt.ArrayLike, npt.ArrayLike], Statistic]
"""From labels (n,) and scores (n,), checked here, to their statistic."""


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide elementwise; NaN, without a warning, where the denominator is zero.

    >>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    quotient = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def weighted_mean(values: FloatArray) -> Statistic:
    """Return the statistic `sum(w * values) / sum(w)` for values (n,).

    >>> weighted_mean(np.array([0.0, 1.0]))(np.array([[1.0, 1.0], [1.0, 3.0]]))
    array([0.5 , 0.75])
    """

    def statistic(weights: FloatArray) -> FloatArray:
        return ratio(weights @ values, weights.sum(axis=1))

    return statistic


def value_at(
    prepare: Prepare,
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    weights: npt.ArrayLike | None,
) -> float:
    """Evaluate a statistic at a single weighting (n,), None meaning that every row counts once.

    >>> value_at(lambda labels, scores: weighted_mean(np.asarray(scores)), [0, 0], [1, 2], None)
    1.5
    """
    statistic = prepare(labels, scores)
    return float(statistic(row_weights(weights, np.size(labels))[np.newaxis])[0])
