"""How far from the reference does a window of quiet days lie? Learned from the stream's own days.

A day is not a sample of independent rows: neighbours resemble each other, Sundays differ from
Mondays, seasons go on. A textbook p-value takes all of that for drift. So the same comparison is
made within the quiet history: windows of one half of it against references drawn in blocks from
the other half.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import chdtr

from perennial.measure.block_draws import block_draws, thinned
from perennial.measure.effects import Effect, Norm, norm_of, shares
from perennial.measure.independent_nights import degrees_of_tails, memory
from perennial.measure.inputs import FloatArray

N_TAIL_DRAWS = 2_000
"""Draws of the fitted distribution, from which small p-values are read."""


@dataclass(frozen=True)
class QuietHistory:
    """What effect a window of quiet days has, as the stream's own history shows."""

    effects: FloatArray
    """Of every resample, ascending."""
    tail: FloatArray
    """Squared norms of normal draws with the resampled deviations' covariance, ascending."""
    degrees_of_freedom: float
    """Of the Student tail: the fewer and the more uneven the nights, the smaller."""
    offset: float
    """What the effect's correction takes off its square; 0 where there is none."""
    n_days: int
    """Days with rows that it was learned from."""
    n_effective_nights: float
    """How many independent windows the history is worth."""
    window_days: int

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
        if self.p_value(1.0) > alpha:
            return 1.0
        return float(brentq(lambda effect: self.p_value(effect) - alpha, 0.0, 1.0, xtol=1e-4))

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

    By turns one half of the history gives a reference of n_days days in moving blocks of
    block_days, and the other half a window of contiguous days. So a window is as far from its
    reference in time as the next night is from the whole history, and what autocorrelation,
    weekdays and a season do over that time is in the effect. How often quiet nights are suspected
    by it, and which shifts are found: docs/decisions/0006.

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
    drawn = block_draws(table.shape[0], window_days, block_days, n_resamples, seed)
    references, windows = drawn[0] @ table, drawn[1] @ table
    if n_rows is not None:
        windows = thinned(windows, n_rows, seed)
    usable = references.any(axis=1) & windows.any(axis=1)
    if 2 * usable.sum() < n_resamples:
        return None
    references, windows = references[usable], windows[usable]
    norm = norm_of(effect, table.sum(axis=0), references, windows)
    normal = _normal_draws(norm.linear(shares(windows) - shares(references)), seed)
    return _fitted(
        norm, norm.squares(normal), norm.effects(references, windows), table, window_days
    )


def _fitted(
    norm: Norm, normal: FloatArray, effects: FloatArray, table: FloatArray, window_days: int
) -> QuietHistory:
    """Widen the normal draws by what few, dependent and uneven nights leave unknown."""
    nights = norm.linear(shares(_windows(table, window_days)))
    known = memory(nights)
    tails = degrees_of_tails(norm.squares(nights - nights.mean(axis=0)), normal)
    return QuietHistory(
        effects=np.sort(effects),
        tail=np.sort(normal) * (1 + known.unseen),
        degrees_of_freedom=1 / (1 / known.n_independent + 1 / tails),
        offset=norm.offset,
        n_days=int(table.any(axis=1).sum()),
        n_effective_nights=known.n_independent,
        window_days=window_days,
    )


def _windows(table: FloatArray, window_days: int) -> FloatArray:
    """Return the counts of every window of contiguous days that has rows."""
    before = np.cumsum(np.vstack([np.zeros(table.shape[1]), table]), axis=0)
    windows = before[window_days:] - before[:-window_days]
    return np.asarray(windows[windows.any(axis=1)])


def _normal_draws(deviations: FloatArray, seed: int) -> FloatArray:
    """Draw normal vectors (N_TAIL_DRAWS, b) with the second moments of deviations (r, b)."""
    variances, axes = np.linalg.eigh(deviations.T @ deviations / deviations.shape[0])
    kept = variances > 1e-6 * max(variances[-1], 0.0)
    roots = (axes[:, kept] * np.sqrt(variances[kept])).T
    return np.asarray(_standard_normal(roots.shape[0], seed) @ roots)


@lru_cache(maxsize=8)
def _standard_normal(n_axes: int, seed: int) -> FloatArray:
    return np.random.default_rng([seed, 1]).standard_normal((N_TAIL_DRAWS, n_axes))


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
