"""Whether probabilities mean what they say: of all rows told 0.3, three in ten are positive."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perennial.measure.inputs import FloatArray, IntArray, probability_rows, row_weights
from perennial.measure.weighting import Statistic, ratio, value_at

DEFAULT_N_BINS = 10


def equal_mass_edges(scores: FloatArray, n_bins: int = DEFAULT_N_BINS) -> FloatArray:
    """Return the inner edges of at most `n_bins` bins that hold about as many scores each.

    Edges are scores that occur, so equal scores share a bin; where many are equal, edges fall
    together and fewer bins are left. Weights never move an edge: every resample is read with the
    same bins. Takes scores (n,) and returns rising edges (at most n_bins - 1,).

    >>> equal_mass_edges(np.array([0.1, 0.2, 0.3, 0.4]), n_bins=2)
    array([0.2])
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    levels = np.arange(1, n_bins) / n_bins
    return np.unique(np.quantile(scores, levels, method="inverted_cdf"))


def bins_of(scores: FloatArray, edges: FloatArray) -> IntArray:
    """Return the bin of each score (n,); bin k is above edge k - 1 and up to and with edge k.

    >>> bins_of(np.array([0.1, 0.2, 0.3]), np.array([0.2])).tolist()
    [0, 0, 1]
    """
    return np.searchsorted(edges, scores, side="left")


def expected_calibration_error(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    n_bins: int = DEFAULT_N_BINS,
) -> float:
    """Mean distance between what is said and what happens, over bins of equal mass.

    The smaller the better, 0 to 1. Labels (n,) are 0 or 1, scores (n,) probabilities in [0, 1];
    ValueError otherwise. Empty bins weigh nothing. All scores equal: one bin, the distance of the
    means. n not above `n_bins`: a bin a row, the mean of `abs(y - p)`. Defined for a single class.

    `sum over bins k of abs(sum over i in k of w_i * (y_i - p_i)) / sum(w)`

    Biased upwards: perfect probabilities p leave, by chance alone, about
    `0.8 * sqrt(p * (1 - p) * n_bins / n)`, and a resample adds as much again. So compare it over
    equal n, and trust its own bootstrap interval only far above that: of 1,000 rows, 0.95
    intervals cover a true 0.1 with 0.96, 0.05 with 0.84, and 0.02 or less almost never (they lie
    above it). The paired difference of two equally good models errs on the safe side: it excludes
    zero in fewer than 1 of 100.

    Naeini, Cooper and Hauskrecht (2015), doi:10.1609/aaai.v29i1.9602; equal mass: Nixon et al.
    (2019), doi:10.48550/arXiv.1904.01685; its bias: Roelofs et al. (2022),
    doi:10.48550/arXiv.2012.08668.

    >>> round(expected_calibration_error([0, 1, 1, 1], [0.2, 0.2, 0.9, 0.9], n_bins=2), 4)
    0.2
    """

    def prepare(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Statistic:
        return prepare_expected_calibration_error(labels, scores, n_bins)

    return value_at(prepare, labels, scores, weights)


def prepare_expected_calibration_error(
    labels: npt.ArrayLike, scores: npt.ArrayLike, n_bins: int = DEFAULT_N_BINS
) -> Statistic:
    """Expected calibration error at many weightings, bins fixed by the unweighted scores."""
    truth, scored = probability_rows(labels, scores)
    bins = bins_of(scored, equal_mass_edges(scored, n_bins))
    gaps = np.zeros((truth.size, int(bins.max()) + 1))
    gaps[np.arange(truth.size), bins] = truth - scored

    def statistic(weights: FloatArray) -> FloatArray:
        return ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))

    return statistic


@dataclass(frozen=True)
class ReliabilityPoints:
    """One point per bin that holds weight, by rising score; each array has the shape (k,)."""

    mean_scores: FloatArray
    positive_shares: FloatArray
    bin_weights: FloatArray


def reliability_points(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    n_bins: int = DEFAULT_N_BINS,
) -> ReliabilityPoints:
    """Return what was said against what happened, a point per bin of equal mass.

    On the diagonal is calibrated. Labels (n,) are 0 or 1, scores (n,) probabilities in [0, 1];
    ValueError otherwise. At most `n_bins` points, fewer where scores are equal; bins without
    weight have none. A share p of m rows of weight 1 is known to about `sqrt(p * (1 - p) / m)`.

    Broecker and Smith (2007), doi:10.1175/WAF993.1.

    >>> reliability_points([0, 1, 1, 1], [0.2, 0.2, 0.9, 0.9], n_bins=2).positive_shares
    array([0.5, 1. ])
    """
    truth, scored = probability_rows(labels, scores)
    weighting = row_weights(weights, truth.size)
    bins = bins_of(scored, equal_mass_edges(scored, n_bins))
    mass = np.bincount(bins, weights=weighting).astype(np.float64)
    held = mass > 0
    return ReliabilityPoints(
        mean_scores=np.bincount(bins, weights=weighting * scored)[held] / mass[held],
        positive_shares=np.bincount(bins, weights=weighting * truth)[held] / mass[held],
        bin_weights=mass[held],
    )
