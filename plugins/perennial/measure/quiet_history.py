"""How far from the reference does a window of quiet days lie? Learned from the stream's own days.

A day is not a sample of independent rows: neighbours resemble each other, Sundays differ from
Mondays, seasons go on. A textbook p-value takes all of that for drift. So the same comparison is
made within the quiet history: windows of one half of it against references drawn in blocks from
the other half.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import chdtr

from perennial.measure.inputs import FloatArray

Effect = Literal["ks", "cramers_v"]
"""`ks`: ks_distance_of_counts, for ordered bins. `cramers_v`: the corrected one, for categories."""

N_TAIL_DRAWS = 4_000
"""Draws of the fitted distribution, from which small p-values are read."""


@dataclass(frozen=True)
class QuietHistory:
    """What effect a window of quiet days has, as the stream's own history shows."""

    effects: FloatArray
    """Of every resample, ascending."""
    tail: FloatArray
    """Squared norms of normal draws with the resampled deviations' covariance, ascending."""
    degrees_of_freedom: float
    """How many independent windows the history is worth: few make a p-value larger."""
    offset: float
    """What the effect's correction takes off its square; 0 where there is none."""
    n_days: int
    """Days with rows that it was learned from."""
    window_days: int

    @property
    def n_effective_nights(self) -> float:
        """How many independent nights the history is worth."""
        return self.degrees_of_freedom

    def p_value(self, effect: float) -> float:
        """Return how often a window of quiet days lies at least so far away, 0 to 1.

        The larger one of two answers: the share of resamples at least as far, which knows no
        smaller value than its number allows, and the tail of a multivariate Student distribution
        with the resamples' covariance. So nothing that history did is ever called unlikely, and
        what it never did has a p-value as small as it deserves. An effect of 0: 1. NaN stays NaN.
        """
        if np.isnan(effect):
            return float("nan")
        if effect <= 0:
            return 1.0
        return max(self._share_seen(effect), self._share_expected(effect))

    def threshold(self, alpha: float) -> float:
        """Return the effect that a window of quiet days exceeds with probability alpha, 0 to 1.

        1, which nothing exceeds, where history is too short or too varied to tell less.
        """
        if not 0 < alpha < 1:
            raise ValueError(f"alpha must be in (0, 1), got {alpha}")
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (low, middle) if self.p_value(middle) <= alpha else (middle, high)
        return high

    def _share_seen(self, effect: float) -> float:
        return 1 - float(np.searchsorted(self.effects, effect, side="left")) / self.effects.size

    def _share_expected(self, effect: float) -> float:
        degrees = self.degrees_of_freedom
        return float(chdtr(degrees, degrees * self.tail / (effect**2 + self.offset)).mean())


def quiet_history(
    counts: npt.ArrayLike,
    window_days: int,
    effect: Effect,
    *,
    block_days: int = 7,
    n_resamples: int = 500,
    n_rows: int | None = None,
    seed: int = 0,
) -> QuietHistory | None:
    """Return how far windows of quiet days lie from their reference; None where that is unknown.

    Counts (n_days, b) are those of each day of the reference in order, days without rows included
    (all zero). With `n_rows`, the rows of the window to be judged, windows are thinned to so many:
    a small window lies farther away by chance. Unknown: fewer than two blocks of days with rows,
    or than four windows. A column that never varied has p_value 0 for any effect above 0.

    For each resample: one half of the history, drawn at random, gives a reference of n_days days
    in moving blocks of block_days; the other half gives a window of contiguous days. So a
    reference is as far from its window in time as the whole history is from the night after it,
    and what autocorrelation, weekdays and a season do over that time is in the effect.

    Künsch (1989), doi:10.1214/aos/1176347265; Kotz and Nadarajah (2004),
    doi:10.1017/CBO9780511550683.

    >>> days = np.random.default_rng(0).multinomial(900, [0.5, 0.3, 0.2], size=60)
    >>> history = quiet_history(days, 1, "cramers_v")
    >>> history.p_value(0.01) > 0.2, history.p_value(0.15) < 1e-6
    (True, True)
    """
    table = _checked(counts, window_days, block_days)
    n_with_rows = int(table.any(axis=1).sum())
    if n_with_rows < 2 * block_days or table.shape[0] < 4 * window_days:
        return None
    draws = _draws(table.shape[0], window_days, block_days, n_resamples, seed)
    references, windows = draws[0] @ table, draws[1] @ table
    if n_rows is not None:
        windows = _thinned(windows, n_rows, seed)
    usable = references.any(axis=1) & windows.any(axis=1)
    if usable.sum() < n_resamples / 2:
        return None
    references, windows = references[usable], windows[usable]
    norm = _Norm.of(effect, table, references, windows)
    deviations = norm.scaled(_row_shares(windows) - _row_shares(references))
    return QuietHistory(
        effects=np.sort(norm.effects(references, windows)),
        tail=np.sort(norm.squares(_normal_draws(deviations, seed))),
        degrees_of_freedom=_effective_windows(table, norm, window_days),
        offset=norm.offset,
        n_days=n_with_rows,
        window_days=window_days,
    )


@dataclass(frozen=True)
class _Norm:
    """An effect as a norm of the difference of two vectors of shares."""

    effect: Effect
    scale: FloatArray
    offset: float

    @classmethod
    def of(
        cls, effect: Effect, table: FloatArray, references: FloatArray, windows: FloatArray
    ) -> "_Norm":
        if effect == "ks":
            return cls(effect, np.ones(table.shape[1]), 0.0)
        shares = table.sum(axis=0) / table.sum()
        scale = np.zeros_like(shares)
        np.divide(0.5, np.sqrt(shares), out=scale, where=shares > 0)
        sizes = 1 / references.sum(axis=1) + 1 / windows.sum(axis=1)
        return cls(effect, scale, float((np.count_nonzero(shares) - 1) / 4 * sizes.mean()))

    def scaled(self, differences: FloatArray) -> FloatArray:
        """Linear in differences of shares (k, b)."""
        if self.effect == "ks":
            return np.cumsum(differences, axis=1)
        return differences * self.scale

    def squares(self, scaled: FloatArray) -> FloatArray:
        if self.effect == "ks":
            return _floats(np.square(np.abs(scaled).max(axis=1)))
        return _floats(np.square(scaled).sum(axis=1))

    def effects(self, references: FloatArray, windows: FloatArray) -> FloatArray:
        """The effect itself, row by row; the same as in `distances`."""
        p, q = _row_shares(references), _row_shares(windows)
        if self.effect == "ks":
            return np.sqrt(self.squares(self.scaled(p - q)))
        pooled = p + q
        terms = np.zeros_like(pooled)
        np.divide(np.square(p - q), 2 * pooled, out=terms, where=pooled > 0)
        sizes = 1 / references.sum(axis=1) + 1 / windows.sum(axis=1)
        taken_off = ((pooled > 0).sum(axis=1) - 1) / 4 * sizes
        return _floats(np.sqrt(np.maximum(terms.sum(axis=1) - taken_off, 0.0)))


def _checked(counts: npt.ArrayLike, window_days: int, block_days: int) -> FloatArray:
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or not table.shape[1]:
        raise ValueError(f"counts must have the shape (n_days, b), got {table.shape}")
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise ValueError("counts must be finite and not negative")
    for name, days in (("window_days", window_days), ("block_days", block_days)):
        if days < 1:
            raise ValueError(f"{name} must be at least 1, got {days}")
    return table


@lru_cache(maxsize=8)
def _draws(
    n_days: int, window_days: int, block_days: int, n_resamples: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """How often each day is in each resample's reference and window, both (r, n_days)."""
    random = np.random.default_rng(seed)
    middle = n_days // 2
    halves = ((0, middle), (middle, n_days))
    references = np.zeros((n_resamples, n_days))
    windows = np.zeros((n_resamples, n_days))
    for resample in range(n_resamples):
        (start, end), (other_start, other_end) = halves if resample % 2 else halves[::-1]
        length = min(block_days, end - start)
        n_blocks = -(-n_days // length)
        starts = random.integers(start, end - length + 1, size=n_blocks)
        days = (starts[:, np.newaxis] + np.arange(length)).ravel()[:n_days]
        references[resample] = np.bincount(days, minlength=n_days)
        first = random.integers(other_start, other_end - window_days + 1)
        windows[resample, first : first + window_days] = 1
    return references, windows


def _thinned(windows: FloatArray, n_rows: int, seed: int) -> FloatArray:
    """Draw n_rows rows of each window without replacement; smaller windows stay as they are."""
    random = np.random.default_rng(seed)
    thin = windows.copy()
    for row in np.flatnonzero(windows.sum(axis=1) > n_rows):
        whole = windows[row].astype(np.int64)
        thin[row] = random.multivariate_hypergeometric(whole, n_rows, method="marginals")
    return thin


def _row_shares(counts: FloatArray) -> FloatArray:
    return _floats(counts / counts.sum(axis=1, keepdims=True))


def _normal_draws(deviations: FloatArray, seed: int) -> FloatArray:
    """Draw N_TAIL_DRAWS normal vectors (·, b) with the second moments of deviations (r, b)."""
    variances, axes = np.linalg.eigh(deviations.T @ deviations / deviations.shape[0])
    kept = variances > 1e-6 * max(variances[-1], 0.0)
    roots = (axes[:, kept] * np.sqrt(variances[kept])).T
    random = np.random.default_rng([seed, 1])
    return _floats(random.standard_normal((N_TAIL_DRAWS, roots.shape[0])) @ roots)


def _effective_windows(table: FloatArray, norm: _Norm, window_days: int) -> float:
    """Return how many independent windows tell the variance: `n / (1 + 2 * sum r_k**2)`.

    The r_k are autocorrelations of whole distributions, up to the first that is not positive
    (Geyer's initial positive sequence). Bayley and Hammersley (1946), doi:10.2307/2983560.
    """
    sums = np.cumsum(np.vstack([np.zeros(table.shape[1]), table]), axis=0)
    windows = sums[window_days:] - sums[:-window_days]
    windows = windows[windows.any(axis=1)]
    scaled = norm.scaled(_row_shares(windows))
    scaled -= scaled.mean(axis=0)
    products = scaled @ scaled.T
    n = windows.shape[0]
    together = 0.0
    for lag in range(1, n // 2):
        r = float(np.trace(products, lag) / (n - lag) / max(np.trace(products) / n, 1e-300))
        if r <= 0:
            break
        together += min(r, 1.0) ** 2
    return float(n / (1 + 2 * together))


def _floats(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(values, dtype=np.float64)
