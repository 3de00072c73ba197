"""Every column of the watched days beside the reference: distances, and how unusual they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from perennial.declare.watch import Watch
from perennial.judge.judged import finite
from perennial.measure.distances import (
    coarse,
    cramers_v,
    jensen_shannon_distance,
    ks_distance_of_counts,
    population_stability,
    wasserstein_distance,
)
from perennial.measure.multiple_testing import benjamini_hochberg
from perennial.measure.quiet_history import quiet_history
from perennial.watch.columns import Column


@dataclass
class Distance:
    """How far a column lies from its reference; NaN is unknown."""

    column: Column
    effect: float
    threshold: float = field(default=float("nan"))
    p_value: float = field(default=float("nan"))
    p_adjusted: float = field(default=float("nan"))
    is_unheard_of: bool = False
    """Whether nothing in history came near it; false where there is none."""
    psi: float | None = None
    jensen_shannon: float | None = None
    wasserstein: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether there was enough on both sides to tell."""
        return bool(np.isfinite(self.p_adjusted))

    def is_out(self, declared: Watch) -> bool:
        """Whether it is both unusual and large enough to matter.

        A short and uneven history cannot call anything unlikely, not even values of which none was
        learned from; those are out all the same.
        """
        is_unusual = self.p_adjusted <= declared.alpha
        is_foreign = self.is_unheard_of and self.effect >= declared.foreign_effect
        return self.is_known and self.effect >= declared.min_effect and (is_unusual or is_foreign)


N_ROLES = 3
"""Features, answers and labels are three families: each gets a third of `watch.alpha`."""


def distances(columns: Sequence[Column], n_days: int, declared: Watch) -> list[Distance]:
    """The columns of one role, their p-values adjusted for their number and that of the roles.

    A column with fewer than `watch.min_rows` values on a side is unknown.
    """
    found = [_distance(each, n_days, declared) for each in columns]
    adjusted = benjamini_hochberg([each.p_value for each in found])
    for each, p_value in zip(found, np.minimum(N_ROLES * adjusted, 1).tolist(), strict=True):
        each.p_adjusted = p_value
    return found


def _distance(column: Column, n_days: int, declared: Watch) -> Distance:
    if min(column.n_reference, column.n_current) < declared.min_rows:
        return Distance(column, float("nan"))
    old, new = column.daily.sum(axis=0), column.counts
    statistic = ks_distance_of_counts if column.is_number else cramers_v
    effect = min(statistic(old, new), 1.0)  # sums of shares end a little above it
    history = quiet_history(
        column.daily,
        n_days,
        "ks" if column.is_number else "cramers_v",
        block_days=declared.block_days,
        n_resamples=declared.resamples,
        n_rows=column.n_current,
        seed=declared.seed,
    )
    if history is None:
        return Distance(column, effect)
    merged = coarse(old, new) if column.is_number else (old, new)
    return Distance(
        column,
        effect,
        threshold=history.threshold(declared.alpha),
        p_value=history.p_value(effect),
        is_unheard_of=effect > history.effects[-1],
        psi=finite(population_stability(*merged)),
        jensen_shannon=finite(jensen_shannon_distance(*merged)),
        wasserstein=finite(wasserstein_distance(column.reference, column.current))
        if column.is_number
        else None,
    )
