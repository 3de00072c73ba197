"""How good the champion's answers were, by the labels that were known on the night."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import hypot

import numpy as np

from perennial.declare.model import Model
from perennial.judge.judged import Value
from perennial.learn.contract import FloatArray
from perennial.measure.calibration_line import (
    prepare_calibration_in_the_large,
    prepare_calibration_slope,
    prepare_regression_slope,
)
from perennial.measure.intervals import metric_intervals
from perennial.measure.metrics import METRICS
from perennial.measure.weighting import Prepare
from perennial.watch.rows import Mask, Rows
from perennial.watch.watched import Performance, PerformanceState

IN_THE_LARGE, SLOPE = "calibration_in_the_large", "calibration_slope"
SETTLED = 0.95
"""A day tells the performance once so many of the labels that such a day ever gets are known: the
first ones to be known are those of what happened quickly, and no fair sample."""
LOOK_BACK_DAYS = 31
"""Days beyond `performance_days` in which settled ones are sought."""


@dataclass(frozen=True)
class Settled:
    """The last days whose labels are known, and their rows that have one."""

    start: date | None
    end: date | None
    rows: Rows | None

    @property
    def n_days(self) -> int:
        """How many days they are."""
        return 0 if self.rows is None else int(np.unique(self.rows.days).size)


def settled_days(rows: Rows, usual_share: float, n_days: int) -> Settled:
    """The last `n_days` days of `rows` of which nearly as many labels are known as usual."""
    days, places = np.unique(rows.days, return_inverse=True)
    if not days.size:
        return Settled(None, None, None)
    share = np.bincount(places, weights=rows.is_settled) / np.bincount(places)
    has_label = np.bincount(places, weights=rows.has_label) > 0
    chosen = days[(share >= SETTLED * usual_share) & has_label][-n_days:]
    if not chosen.size:
        return Settled(None, None, None)
    mask: Mask = np.isin(rows.days, chosen) & rows.has_label
    return Settled(chosen[0].item(), chosen[-1].item() + timedelta(days=1), rows.take(mask))


def performance(
    model: Model, settled: Settled, scores: FloatArray, expected: dict[str, Value], spread: float
) -> tuple[Performance, ...]:
    """The declared metrics and the calibration, with intervals by day.

    `spread` is the standard deviation of the labels that were learned from: for regression what is
    allowed is reckoned in it, since 0.05 of a label's unit may be much or nothing.
    """
    rows = settled.rows
    if rows is None or rows.n_rows < model.watch.min_rows or not np.isfinite(scores).all():
        n_rows = 0 if rows is None else rows.n_rows
        return tuple(
            _unknown(name, expected.get(name), n_rows, settled.n_days)
            for name in model.judge.metrics
        )
    prepare: dict[str, Prepare] = {name: METRICS[name].prepare for name in model.judge.metrics}
    slope = prepare_calibration_slope if model.task == "binary" else prepare_regression_slope
    intervals = metric_intervals(
        {**prepare, IN_THE_LARGE: prepare_calibration_in_the_large, SLOPE: slope},
        rows.labels,
        scores,
        seed=model.watch.seed,
        groups=rows.days,
        n_resamples=model.watch.resamples,
        confidence=model.judge.confidence,
    )
    found = []
    for name, interval in intervals.items():
        value, usual = Value.of(interval), expected.get(name)
        state = (
            _calibration_state(name, value, model, spread)
            if name in (IN_THE_LARGE, SLOPE)
            else state_of(name, value, usual, model.watch.max_loss * _unit(name, spread))
        )
        found.append(
            Performance(
                metric=name, value=value, expected=usual, n_rows=rows.n_rows,
                n_days=settled.n_days, state=state,
            )
        )  # fmt: skip
    return tuple(found)


def state_of(
    metric: str, value: Value, expected: Value | None, max_loss: float
) -> PerformanceState:
    """Worse only if by more than `max_loss`, and by more than both intervals leave in doubt.

    The days of the judgement had their luck as well, so what was expected is no more certain than
    its own interval: the half widths towards each other add up as those of independent numbers do.

    >>> usual = Value(estimate=0.45, low=0.4, high=0.5)
    >>> nights = [Value(estimate=0.6, low=low, high=0.9) for low in (0.45, 0.47)]
    >>> [state_of("log_loss", each, usual, 0.05) for each in nights]
    ['as_expected', 'worse']
    >>> state_of("log_loss", nights[1], None, 0.05)
    'unknown'
    """
    sign = METRICS[metric].sign
    if expected is None:
        return "unknown"
    better, worse = (value.high, expected.low) if sign > 0 else (value.low, expected.high)
    usual = expected.estimate
    if usual is None or worse is None or better is None or value.estimate is None:
        return "unknown"
    loss = sign * (usual - value.estimate)
    doubt = hypot(value.estimate - better, worse - usual)
    return "worse" if loss > max(max_loss, doubt) else "as_expected"


def _unit(metric: str, spread: float) -> float:
    return spread if metric in ("rmse", "mae") else 1.0


def _calibration_state(metric: str, value: Value, model: Model, spread: float) -> PerformanceState:
    if value.low is None or value.high is None or value.estimate is None:
        return "unknown"
    right = 0.0 if metric == IN_THE_LARGE else 1.0
    unit = spread if model.task == "regression" else 1.0
    watch = model.watch
    allowed = watch.max_bias * unit if metric == IN_THE_LARGE else watch.max_slope_error
    is_off = abs(value.estimate - right) > allowed and not value.low <= right <= value.high
    return "worse" if is_off else "as_expected"


def _unknown(name: str, expected: Value | None, n_rows: int, n_days: int) -> Performance:
    nothing = Value(estimate=None, low=None, high=None)
    return Performance(
        metric=name, value=nothing, expected=expected, n_rows=n_rows, n_days=n_days, state="unknown"
    )
