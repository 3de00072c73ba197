"""Why a network answers what it answers: integrated gradients, made to add up exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from perennial.learn.contract import FloatArray
from perennial.learn.network.architecture import TabularNetwork
from perennial.learn.network.torch_library import torch

STEPS = 32
"""Points on the way at which the gradient is taken."""

ROWS = 256
"""Rows that are explained at a time."""


def contributions(
    network: TabularNetwork, embedded: Tensor, base: Tensor, lengths: Sequence[int]
) -> FloatArray:
    """What each input adds to the answers for embedded rows (n, sum of lengths): (n, inputs).

    Integrated gradients (Sundararajan, Taly and Yan 2017, arXiv:1703.01365): the gradient along
    the straight way from `base` (sum of lengths,), the vector of a row that nobody knows anything
    about, to the row's own vectors. The way is walked in vectors and not in values, so that
    categories and missing values have a part in it like numbers. The integral is taken by
    Gauss-Legendre quadrature with 32 points and is close, not exact: what is left
    (see `filled_up`) is far below what tells two features apart.
    """
    edges = np.cumsum([0, *lengths])
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    points = torch.tensor((nodes + 1) / 2, dtype=embedded.dtype)
    shares = torch.tensor(weights / 2, dtype=embedded.dtype)
    parts = []
    for start in range(0, len(embedded), ROWS):
        rows = embedded[start : start + ROWS]
        away = rows - base
        slope = torch.zeros_like(rows)
        for point, share in zip(points, shares, strict=True):
            slope += share * _gradient(network, base + point * away)
        each = (slope * away).double().numpy()
        parts.append(np.add.reduceat(each, edges[:-1], axis=1))
    return np.concatenate(parts) if parts else np.empty((0, len(lengths)))


def _gradient(network: TabularNetwork, embedded: Tensor) -> Tensor:
    with torch.enable_grad():
        here = embedded.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(network.answer(here).sum(), here)
    return gradient


def filled_up(parts: FloatArray, total: FloatArray) -> FloatArray:
    """Parts (n, k) made to sum to `total` (n,), each moved in proportion to its size.

    Where all parts are 0 each gets the same.

    >>> filled_up(np.array([[1.0, -3.0], [0.0, 0.0]]), np.array([-1.0, 4.0]))
    array([[ 1.25, -2.25],
           [ 2.  ,  2.  ]])
    """
    sizes = np.abs(parts)
    whole = sizes.sum(axis=1, keepdims=True)
    shares = np.divide(sizes, whole, out=np.full_like(sizes, 1 / sizes.shape[1]), where=whole > 0)
    filled: FloatArray = parts + shares * (total - parts.sum(axis=1))[:, None]
    return filled
