"""How sure one may be of a metric, and of the difference of two models, by bootstrap."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from perennial.measure.inputs import FloatArray
from perennial.measure.resampling import group_codes, resample_weights
from perennial.measure.weighting import Prepare, Statistic


@dataclass(frozen=True)
class Interval:
    """A value and the range that holds the truth in a share `confidence` of all repetitions.

    Where the rows cannot bound the truth the bound is infinite, so that no comparison with it
    ever claims what was not seen.
    """

    estimate: float
    """The statistic of the rows themselves; NaN where it is not defined."""
    low: float
    high: float
    confidence: float
    n_groups: int
    """How many things were drawn: groups, or rows where there are no groups."""
    n_resamples: int
    n_undefined: int
    """Resamples for which the statistic is not defined, such as those of a single class."""

    @property
    def is_bounded(self) -> bool:
        """Whether both ends are finite: whether there was enough evidence for an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


@dataclass(frozen=True)
class Comparison:
    """Two models by one metric over the same rows and the same resamples."""

    champion: Interval
    challenger: Interval
    difference: Interval
    """Challenger minus champion, in the unit of the metric: its sign is not flipped."""


def expanded_tail(confidence: float, n_groups: int) -> float:
    """Return the share of resamples to leave out at each end.

    Plain percentiles of few groups are too narrow, as if variance were known: this widens them as
    Student's t does, and equals `(1 - confidence) / 2` for many. Resamples of G groups reach from
    the lowest group to the highest, which miss the truth once in `2**(G - 1)`; where that is more
    than was asked (G < 6 at 0.95) there is no such share, and it is 0.

    `Phi(-sqrt(G / (G - 1)) * t)`, t being Student's quantile for G - 1 degrees of freedom

    Hesterberg (2015), doi:10.1080/00031305.2015.1089789.

    >>> [round(expanded_tail(0.95, n_groups), 4) for n_groups in (5, 6, 30, 10_000)]
    [0.0, 0.0024, 0.0188, 0.025]
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    if 2.0 ** (1 - n_groups) > 1 - confidence:
        return 0.0
    t = stdtrit(n_groups - 1, (1 + confidence) / 2)
    return float(ndtr(-np.sqrt(n_groups / (n_groups - 1)) * t))


def bootstrap_intervals(
    statistics: Mapping[str, Statistic],
    n_rows: int,
    *,
    seed: int,
    groups: npt.ArrayLike | None = None,
    n_resamples: int = 1_000,
    confidence: float = 0.95,
) -> dict[str, Interval]:
    """Return an interval for each statistic, all from the same resamples.

    With `groups` (n,), such as the day of each row, whole groups are drawn. Bounds are values of
    resamples, rounded outwards; a resample where the statistic is not defined counts as lying
    beyond both. Fewer than six groups at 0.95: no bounds. Fewer resamples than
    `2 / (1 - confidence)`: ValueError. The same seed gives the same interval. Measured coverage
    at 0.95 is 0.92 to 0.96 from six groups upwards, for means and for `roc_auc`.

    Efron (1979), doi:10.1214/aos/1176344552.

    >>> from perennial.measure.weighting import weighted_mean
    >>> mean = weighted_mean(np.arange(100.0))
    >>> interval = bootstrap_intervals({"mean": mean}, 100, seed=0)["mean"]
    >>> interval.estimate, interval.low < 49.5 < interval.high
    (49.5, True)
    """
    draws = _draw(statistics, n_rows, seed, groups, n_resamples, confidence)
    return {name: drawn.interval(confidence) for name, drawn in draws.items()}


def metric_intervals(
    metrics: Mapping[str, Prepare],
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    seed: int,
    groups: npt.ArrayLike | None = None,
    n_resamples: int = 1_000,
    confidence: float = 0.95,
) -> dict[str, Interval]:
    """Return an interval for each metric of labels (n,) and scores (n,); see bootstrap_intervals.

    >>> from perennial.measure.regression import prepare_mae
    >>> errors = np.tile([1.0, 3.0], 50)
    >>> found = metric_intervals({"mae": prepare_mae}, np.zeros(100), errors, seed=0)
    >>> found["mae"].estimate, found["mae"].is_bounded
    (2.0, True)
    """
    return bootstrap_intervals(
        {name: prepare(labels, scores) for name, prepare in metrics.items()},
        np.size(labels),
        seed=seed,
        groups=groups,
        n_resamples=n_resamples,
        confidence=confidence,
    )


def compare(
    metrics: Mapping[str, Prepare],
    labels: npt.ArrayLike,
    champion: npt.ArrayLike,
    challenger: npt.ArrayLike,
    *,
    seed: int,
    groups: npt.ArrayLike | None = None,
    n_resamples: int = 1_000,
    confidence: float = 0.95,
) -> dict[str, Comparison]:
    """Return both models' intervals and that of their paired difference, for each metric.

    Champion and challenger are the scores (n,) of the same rows. Hard rows are hard for both, so
    the difference is known far better than either value: two intervals that overlap may well
    have a difference that excludes zero. Edges as in bootstrap_intervals.

    >>> from perennial.measure.regression import prepare_mae
    >>> errors = np.arange(100.0)
    >>> found = compare({"mae": prepare_mae}, np.zeros(100), errors + 1, errors, seed=0)["mae"]
    >>> round(found.difference.low, 6), round(found.difference.high, 6)
    (-1.0, -1.0)
    """
    statistics: dict[str, Statistic] = {}
    for name, prepare in metrics.items():
        statistics[f"champion {name}"] = prepare(labels, champion)
        statistics[f"challenger {name}"] = prepare(labels, challenger)
    draws = _draw(statistics, np.size(labels), seed, groups, n_resamples, confidence)
    comparisons = {}
    for name in metrics:
        old, new = draws[f"champion {name}"], draws[f"challenger {name}"]
        comparisons[name] = Comparison(
            champion=old.interval(confidence),
            challenger=new.interval(confidence),
            difference=new.minus(old).interval(confidence),
        )
    return comparisons


@dataclass(frozen=True)
class _Draws:
    """One statistic of the rows themselves and of each resample."""

    estimate: float
    values: FloatArray
    n_groups: int

    def minus(self, other: "_Draws") -> "_Draws":
        return _Draws(self.estimate - other.estimate, self.values - other.values, self.n_groups)

    def interval(self, confidence: float) -> Interval:
        missing = np.isnan(self.values)
        tail = expanded_tail(confidence, self.n_groups)
        low, high = -np.inf, np.inf
        if tail > 0:
            left_out = max(int(tail * (self.values.size + 1)) - 1, 0)
            low = float(np.sort(np.where(missing, -np.inf, self.values))[left_out])
            high = float(np.sort(np.where(missing, np.inf, self.values))[-1 - left_out])
        return Interval(
            estimate=self.estimate,
            low=low,
            high=high,
            confidence=confidence,
            n_groups=self.n_groups,
            n_resamples=self.values.size,
            n_undefined=int(missing.sum()),
        )


def _draw(
    statistics: Mapping[str, Statistic],
    n_rows: int,
    seed: int,
    groups: npt.ArrayLike | None,
    n_resamples: int,
    confidence: float,
) -> dict[str, _Draws]:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    if n_resamples * (1 - confidence) < 2 - 1e-9:
        raise ValueError(
            f"n_resamples must be at least {2 / (1 - confidence):.0f} to see the ends of a "
            f"{confidence} interval, got {n_resamples}"
        )
    codes = group_codes(groups, n_rows)
    values: dict[str, list[FloatArray]] = {name: [] for name in statistics}
    for weights in resample_weights(n_rows, n_resamples=n_resamples, seed=seed, groups=codes):
        for name, statistic in statistics.items():
            values[name].append(statistic(weights))
    once = np.ones((1, n_rows))
    return {
        name: _Draws(
            estimate=float(statistic(once)[0]),
            values=np.concatenate(values[name]),
            n_groups=n_rows if codes is None else int(codes.max()) + 1,
        )
        for name, statistic in statistics.items()
    }
