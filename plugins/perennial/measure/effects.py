"""A drift effect as the norm of a vector: the difference of two distributions over bins.

Near "no change" every effect is a norm of a linear function of the difference of shares. That is
what lets the covariance of past differences tell how the effect of a quiet window is distributed.
"""

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from perennial.measure.inputs import FloatArray

Effect = Literal["ks", "cramers_v"]
"""`ks`: ks_distance_of_counts, for ordered bins. `cramers_v`: the corrected one, for categories."""


class Norm(Protocol):
    """An effect, its linear part, and its square for draws of the linear part."""

    offset: float
    """What is taken off the square, on average, to correct for chance; 0 where nothing is."""

    def linear(self, differences: FloatArray) -> FloatArray:
        """Return what the norm is taken of, (k, b), for differences of shares (k, b)."""

    def squares(self, vectors: FloatArray) -> FloatArray:
        """Return the squared norm of each vector, (k,), before anything is taken off."""

    def effects(self, references: FloatArray, windows: FloatArray) -> FloatArray:
        """Return the effect itself, (k,), of counts (k, b) against counts (k, b)."""


N_POINTS = 64
"""At so many points of equal share a difference of cumulative shares is looked at for its tail.

Between them it can be larger, by some 4 % of what chance gives; for four times the speed.
"""


class Ks:
    """The largest difference of cumulative shares."""

    offset = 0.0

    def __init__(self, usual: FloatArray) -> None:
        """From the counts (b,) of usual days."""
        below = np.cumsum(usual)
        ranks = (np.arange(N_POINTS) + 0.5) / N_POINTS * below[-1]
        is_fine = usual.size <= N_POINTS
        self.points = np.arange(usual.size) if is_fine else np.unique(np.searchsorted(below, ranks))

    def linear(self, differences: FloatArray) -> FloatArray:
        """Cumulate the differences, up to each point."""
        return np.cumsum(differences, axis=1)[:, self.points]

    def squares(self, vectors: FloatArray) -> FloatArray:
        """Square the largest one."""
        return _floats(np.square(np.abs(vectors).max(axis=1)))

    def effects(self, references: FloatArray, windows: FloatArray) -> FloatArray:
        """As in ks_distance_of_counts, row by row.

        >>> Ks(np.ones(3)).effects(np.array([[1.0, 1.0, 0.0]]), np.array([[0.0, 1.0, 1.0]]))
        array([0.5])
        """
        return np.sqrt(self.squares(np.cumsum(shares(references) - shares(windows), axis=1)))


class CramersV:
    """The differences weighted by the inverse of what is expected, less what chance explains."""

    def __init__(self, usual: FloatArray, sizes: FloatArray) -> None:
        """From the usual shares (b,) and `1 / n + 1 / m` of pairs of usual sizes (k,)."""
        self.scale = np.zeros_like(usual)
        np.divide(0.5, np.sqrt(usual), out=self.scale, where=usual > 0)
        self.offset = float((np.count_nonzero(usual) - 1) / 4 * sizes.mean())

    def linear(self, differences: FloatArray) -> FloatArray:
        """Divide by twice the root of the usual share."""
        return differences * self.scale

    def squares(self, vectors: FloatArray) -> FloatArray:
        """Sum the squares."""
        return _floats(np.square(vectors).sum(axis=1))

    def effects(self, references: FloatArray, windows: FloatArray) -> FloatArray:
        """As in cramers_v, row by row.

        >>> v = CramersV(np.array([0.5, 0.5]), np.array([0.2]))
        >>> v.effects(np.array([[500.0, 500.0]]), np.array([[650.0, 350.0]])).round(2)
        array([0.15])
        """
        p, q = shares(references), shares(windows)
        terms = np.zeros_like(p)
        np.divide(np.square(p - q), 2 * (p + q), out=terms, where=p + q > 0)
        chance = (np.count_nonzero(p + q, axis=1) - 1) / 4 * inverse_sizes(references, windows)
        return _floats(np.sqrt(np.maximum(terms.sum(axis=1) - chance, 0.0)))


def norm_of(effect: Effect, usual: FloatArray, references: FloatArray, windows: FloatArray) -> Norm:
    """Return the effect of that name, for counts (b,) of usual days and of pairs, (k, b) each."""
    if effect == "ks":
        return Ks(usual)
    return CramersV(usual / usual.sum(), inverse_sizes(references, windows))


def shares(counts: FloatArray) -> FloatArray:
    """Return each row of counts (k, b) divided by its sum, which must not be 0."""
    return _floats(counts / counts.sum(axis=1, keepdims=True))


def inverse_sizes(references: FloatArray, windows: FloatArray) -> FloatArray:
    """Return `1 / n + 1 / m` for each pair of rows of counts."""
    return _floats(1 / references.sum(axis=1) + 1 / windows.sum(axis=1))


def _floats(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(values, dtype=np.float64)
