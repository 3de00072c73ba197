"""Numbers of any spread brought to one: by their rank among those that were learned from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from perennial.learn.contract import FloatArray

N_KNOTS = 64

Knots = tuple[tuple[float, ...], tuple[float, ...]]
"""Values that rise, and what each becomes; between two a straight line, beyond the last nothing."""

FEW = 64
"""Up to so many rows all columns are looked up at once, more of them column by column."""


def knots_of(values: FloatArray) -> Knots:
    """Quantiles of values (n,), and the normal quantiles of the same ranks.

    A value that is most of all, such as 0, becomes the mean of its ranks; a constant becomes 0,
    and so does everything where nothing is known. NaN and infinity do not count.

    >>> knots_of(np.array([7.0, 7.0])), knots_of(np.array([float("nan")]))
    (((7.0,), (0.0,)), ((0.0,), (0.0,)))
    >>> places, heights = knots_of(np.arange(1001.0))
    >>> [round(each, 2) for each in (places[0], places[-1], heights[0], heights[-1])]
    [0.0, 1000.0, -2.42, 2.42]
    """
    from scipy.special import ndtri

    known = values[np.isfinite(values)]
    if not known.size:
        return (0.0,), (0.0,)
    ranks = np.linspace(0, 1, N_KNOTS)
    edge = 1 / (2 * N_KNOTS)
    places, group = np.unique(np.quantile(known, ranks), return_inverse=True)
    normal = ndtri(np.clip(ranks, edge, 1 - edge))
    heights = np.bincount(group, normal) / np.bincount(group)
    if places.size == 1:
        return (float(places[0]),), (0.0,)
    return tuple(places.tolist()), tuple(heights.tolist())


class Straightened:
    """Columns with their knots, made ready to look up."""

    def __init__(self, knots: Sequence[Knots]) -> None:
        longest = max((len(places) for places, _ in knots), default=1)
        shape = (len(knots), longest)
        self.places, self.heights = np.full(shape, np.inf), np.zeros(shape)
        for row, (places, heights) in enumerate(knots):
            rises = all(a < b for a, b in pairwise(places))
            if not places or len(places) != len(heights) or not rises:
                raise ValueError(f"knots must rise, each with a height, got {places} {heights}")
            self.places[row, : len(places)] = places
            self.heights[row, : len(heights)] = heights
            self.heights[row, len(heights) :] = heights[-1]
        self.columns = np.arange(len(knots))

    def __call__(self, values: FloatArray) -> FloatArray:
        """Values (n, columns) brought to about -2.4 to 2.4; NaN stays NaN."""
        if len(values) <= FEW:
            after = (values[:, :, None] >= self.places).sum(axis=2)
        else:
            after = np.empty(values.shape, dtype=np.intp)
            for column, places in enumerate(self.places):
                after[:, column] = np.searchsorted(places, values[:, column], side="right")
        left = np.clip(after - 1, 0, None)
        right = np.minimum(left + 1, self.places.shape[1] - 1)
        low, high = self.places[self.columns, left], self.places[self.columns, right]
        bottom, top = self.heights[self.columns, left], self.heights[self.columns, right]
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            share = np.clip((values - low) / (high - low), 0.0, 1.0)
            # Beyond the last knot, at infinity or within a single one there is no way to go.
            share = np.where(np.isfinite(share), share, 0.0)
        straight = bottom + share * (top - bottom)
        straight = np.where(values < self.places[:, 0], self.heights[:, 0], straight)
        found: FloatArray = np.where(np.isnan(values), np.nan, straight)
        return found
