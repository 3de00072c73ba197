"""How a column's values lie in both periods, in few enough bins to be drawn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perennial.learn.contract import FloatArray
from perennial.watch.columns import Column
from perennial.watch.watched import Shape

N_BINS = 20
FEW_VALUES = 20
N_CATEGORIES = 10


def shape_of(column: Column) -> Shape | None:
    """Shares of both periods in the reference's bins; None when a period has no value at all."""
    if not column.n_reference or not column.n_current:
        return None
    return _of_numbers(column) if column.is_number else _of_categories(column)


def _of_numbers(column: Column) -> Shape:
    edges = _edges(column.reference)
    old, new = (_counts(each, edges) for each in (column.reference, column.current))
    return _shares([_named(each) for each in edges.tolist()], old, new)


def _named(edge: float) -> str:
    """A number as an axis shows it.

    >>> [_named(each) for each in (0.125, 25480.2, 1e9)]
    ['0.125', '25,480', '1e+09']
    """
    return f"{edge:,.0f}" if 1e4 <= abs(edge) < 1e7 else f"{edge:.4g}"


def _edges(values: FloatArray) -> FloatArray:
    """Where each bin begins; what lies below the first one is counted with it."""
    different = np.unique(values)
    if different.size <= FEW_VALUES:
        return different
    low, high = np.quantile(values, [0.01, 0.99])
    return np.linspace(low, high, N_BINS) if low < high else np.unique([different[0], low])


def _counts(values: FloatArray, edges: FloatArray) -> npt.NDArray[np.int64]:
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 1)
    return np.bincount(places, minlength=edges.size)


def _of_categories(column: Column) -> Shape:
    """The commonest names; then all others, and the missing ones where there are any."""
    old, new = column.daily.sum(axis=0), column.counts
    names = list(getattr(column.bins, "names", ()))
    shown = min(N_CATEGORIES, len(names))
    parts = [np.append(each[:shown], [each[shown:-1].sum(), each[-1]]) for each in (old, new)]
    labels = np.array([*names[:shown], "(others)", "(missing)"])
    used = (parts[0] + parts[1] > 0) | (np.arange(labels.size) < shown)
    return _shares(labels[used].tolist(), parts[0][used], parts[1][used])


def _shares(bins: list[str], old: npt.NDArray[np.int64], new: npt.NDArray[np.int64]) -> Shape:
    reference, current = (tuple(np.round(each / each.sum(), 5).tolist()) for each in (old, new))
    return Shape(bins=tuple(bins), reference=reference, current=current)
