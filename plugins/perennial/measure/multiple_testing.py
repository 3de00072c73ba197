"""How surprising is the most surprising of many columns?"""

import numpy as np
import numpy.typing as npt

from perennial.measure.inputs import FloatArray


def benjamini_hochberg(p_values: npt.ArrayLike) -> FloatArray:
    """Return p-values (n,) adjusted for their number, 0 to 1, in the order they came.

    Calling everything at or below `alpha` a finding keeps the expected share of false ones among
    them at or below `alpha`; where nothing at all has changed, that is the share of nights with
    any finding. It holds for independent p-values and for positively dependent ones. NaN is
    unknown: it stays NaN and is not counted, so that a column without rows makes the others
    neither stricter nor laxer. None at all: an empty array. Outside of [0, 1]: ValueError.

    `min over j >= i of p[j] * n / j`, the p-values sorted, capped at 1

    Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.

    >>> benjamini_hochberg([0.01, np.nan, 0.04, 0.03]).tolist()
    [0.03, nan, 0.04, 0.04]
    """
    given = np.asarray(p_values, dtype=np.float64)
    if given.ndim != 1:
        raise ValueError(f"p_values must have the shape (n,), got {given.shape}")
    known = np.flatnonzero(~np.isnan(given))
    strange = known[(given[known] < 0) | (given[known] > 1)]
    if strange.size:
        raise ValueError(f"p_values must be in [0, 1], got {given[strange[0]]}")
    adjusted = np.full(given.size, np.nan)
    order = known[np.argsort(-given[known], kind="stable")]
    ranks = np.arange(order.size, 0, -1)
    stepped = np.minimum.accumulate(given[order] * (order.size / np.maximum(ranks, 1)))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
