"""How good each policy's answers were: per month and in all, with intervals by day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from perennial.declare.model import Model
from perennial.judge.judged import Value, finite
from perennial.learn.contract import FloatArray
from perennial.measure.inputs import FloatArray as Weights
from perennial.measure.intervals import bootstrap_intervals
from perennial.measure.metrics import METRICS
from perennial.measure.weighting import Statistic
from perennial.replay.policies.replayed import Frontier, Month, Place

MEASURED = {"binary": ("log_loss", "roc_auc"), "regression": ("rmse", "mae")}


@dataclass(frozen=True)
class Answers:
    """The labelled questions of the whole period, and one policy's answers to them."""

    labels: FloatArray
    scores: FloatArray
    days: Sequence[date]
    counts: Sequence[int]
    """How many rows each day has."""

    def of_month(self, month: str) -> Answers:
        """Those of one month, called YYYY-MM."""
        chosen = [f"{day:%Y-%m}" == month for day in self.days]
        mask = np.repeat(chosen, self.counts)
        kept = [(d, n) for d, n, c in zip(self.days, self.counts, chosen, strict=True) if c]
        return Answers(self.labels[mask], self.scores[mask], [d for d, _ in kept],
                       [n for _, n in kept])  # fmt: skip

    @property
    def months(self) -> list[str]:
        """The months that have rows, in order."""
        there = zip(self.days, self.counts, strict=True)
        return sorted({f"{day:%Y-%m}" for day, n in there if n})

    @property
    def groups(self) -> FloatArray:
        """The place of each row's day (n,)."""
        return np.repeat(np.arange(len(self.days)), self.counts)


@dataclass(frozen=True)
class Point:
    """One policy among those of its family."""

    name: str
    n_trainings: int
    answers: Answers


def metrics_of(model: Model) -> tuple[str, ...]:
    """The primary metric, and those that are always told of the model's task."""
    return tuple(dict.fromkeys((model.judge.primary, *MEASURED[model.task])))


def measure(model: Model, answers: Answers) -> dict[str, Value]:
    """Each metric with its interval by day; nulls where there is nothing to measure."""
    if not answers.labels.size:
        return {name: Value(estimate=None, low=None, high=None) for name in metrics_of(model)}
    statistics = {name: _statistic(name, answers) for name in metrics_of(model)}
    return _intervals(model, statistics, answers)


def by_month(model: Model, answers: Answers) -> tuple[Month, ...]:
    """The same of each month."""
    parts = {month: answers.of_month(month) for month in answers.months}
    return tuple(
        Month(month=month, n_rows=int(part.labels.size), metrics=measure(model, part))
        for month, part in parts.items()
    )


def beside(model: Model, point: Point, family: Sequence[Point], name: str) -> Frontier | None:
    """A policy beside a family at its own number of trainings; None when the family is empty.

    Between two of the family the frontier is the mean of their metrics, weighed by the logarithm
    of their trainings; two or more of the family with as many trainings count alike.
    """
    weights = mixture(_by_number(family), point.n_trainings)
    if not weights:
        return None
    primary = model.judge.primary
    of = {each.name: _statistic(primary, each.answers) for each in family if each.name in weights}
    own = _statistic(primary, point.answers)

    def frontier(rows: Weights) -> Weights:
        return np.asarray(sum(weights[each] * of[each](rows) for each in weights))

    found = _intervals(
        model,
        {"frontier": frontier, "difference": lambda rows: own(rows) - frontier(rows)},
        point.answers,
    )
    return Frontier(
        family="calendar" if name == "calendar" else "random",
        between=tuple(weights),
        expected=found["frontier"].estimate,
        difference=found["difference"],
        place=place_of(found["difference"], METRICS[primary].sign),
    )


def mixture(family: Mapping[int, Sequence[str]], n: int) -> dict[str, float]:
    """How much each policy of a family counts at n trainings; the weights sum to 1.

    >>> mixture({1: ["never"], 16: ["often"]}, 4)
    {'never': 0.5, 'often': 0.5}
    >>> mixture({10: ["a", "b"]}, 99)
    {'a': 0.5, 'b': 0.5}
    """
    below = max((each for each in family if each <= n), default=None)
    above = min((each for each in family if each >= n), default=None)
    ends = [each for each in (below, above) if each is not None]
    if not ends:
        return {}
    low, high = ends[0], ends[-1]
    share = math.log(n / low) / math.log(high / low) if low != high else 0.0
    shares = {low: 1 - share, high: share} if low != high else {low: 1.0}
    return {name: s / len(family[at]) for at, s in shares.items() for name in family[at] if s > 0}


def place_of(difference: Value, sign: int) -> Place:
    """Where a policy lies, by the interval of its difference to the frontier.

    >>> place_of(Value(estimate=-0.02, low=-0.03, high=-0.01), -1)
    'above'
    """
    low, high = difference.low, difference.high
    if low is None or high is None or low <= 0 <= high:
        return "on"
    return "above" if sign * low > 0 else "below"


def _by_number(family: Sequence[Point]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for each in family:
        found.setdefault(each.n_trainings, []).append(each.name)
    return found


def _statistic(metric: str, answers: Answers) -> Statistic:
    return METRICS[metric].prepare(answers.labels, answers.scores)


def _intervals(
    model: Model, statistics: Mapping[str, Statistic], answers: Answers
) -> dict[str, Value]:
    found = bootstrap_intervals(
        statistics,
        int(answers.labels.size),
        seed=model.watch.seed,
        groups=answers.groups,
        n_resamples=model.judge.resamples,
        confidence=model.judge.confidence,
    )
    return {
        name: Value(estimate=finite(each.estimate), low=finite(each.low), high=finite(each.high))
        for name, each in found.items()
    }
