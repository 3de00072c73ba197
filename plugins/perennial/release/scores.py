"""Whether the new version still says the same: the ranks of its scores, and their distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from perennial.measure.sequential import UNKNOWN, Bounds, correlation_bounds
from perennial.measure.shapes import distance, paired_distance
from perennial.release.measurement import Measurement, Setting, measured, number, undeclared
from perennial.release.seen import Pairs, Phase


def distribution(now: Phase, limit: float | None, setting: Setting, n_cuts: int) -> Measurement:
    """The largest difference of the shares of scores below any cut; 0 where both are the same."""
    name, allowed = "score_distribution", (-math.inf, limit or 0.0)
    if limit is None:
        return undeclared(name)
    if not n_cuts:
        why = "the champion has not given the scores yet that make the cuts"
        return measured(name, UNKNOWN, allowed, 0, why)
    if not setting.is_paired:
        n, of = now.new.scores.n, "answered requests"
        bounds = distance(now.old.shape, now.new.shape, n_cuts, setting.confidence, setting.planned)
    else:
        n, of = round(now.pairs.shape.n), "requests that both answered"
        bounds = paired_distance(now.pairs.shape, n_cuts, setting.confidence, setting.planned)
    says = f"the shares of scores below one of {n_cuts} cuts differ by up to "
    says += f"{number(bounds.estimate)} in {n} {of}"
    return measured(name, bounds, allowed, n, says)


def disagreement(pairs: Pairs, limit: float | None, setting: Setting) -> Measurement:
    """1 minus the rank correlation of both versions' scores of the same questions."""
    if limit is None:
        return undeclared("disagreement")
    if not setting.is_paired:
        why = "not measured while both versions answer different questions"
        return measured("disagreement", UNKNOWN, (-math.inf, limit), 0, why, is_needed=False)
    n = len(pairs.old)
    correlation = rank_correlation(pairs.old, pairs.new)
    if correlation is None:
        why = f"the old version's scores of {n} questions do not differ, so there are no ranks"
        return measured("disagreement", UNKNOWN, (-math.inf, limit), n, why)
    found = correlation_bounds(correlation, pairs.n_ranked, setting.confidence, setting.planned)
    bounds = Bounds(1 - found.estimate, 1 - found.high, 1 - found.low)
    says = f"the ranks of {n} questions' scores correlate by {number(correlation)}"
    return measured("disagreement", bounds, (-math.inf, limit), pairs.n_ranked, says)


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, from -1 to 1; ties share their mean rank.

    None when the first are all equal, or there are fewer than two: there is nothing to agree with.
    0 when only the second are all equal: whatever the first says, they say nothing.

    >>> rank_correlation([0.1, 0.2, 0.3], [0.2, 0.4, 0.9])
    1.0
    >>> rank_correlation([0.1, 0.2, 0.3], [0.5, 0.5, 0.5])
    0.0
    """
    import numpy as np

    if len(first) < 2 or min(first) == max(first):
        return None
    if min(second) == max(second):
        return 0.0
    one, other = _ranks(np.asarray(first)), _ranks(np.asarray(second))
    return float(max(-1.0, min(1.0, np.corrcoef(one, other)[0, 1])))


def _ranks(values: Any) -> Any:
    import numpy as np

    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[place]
