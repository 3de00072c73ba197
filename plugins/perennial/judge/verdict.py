"""From numbers to checks, and from checks to the verdict. Nothing here reads or computes data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from perennial.declare.judge import Judge
from perennial.declare.model import Task
from perennial.judge.judged import Beside, Check, Outcome, Value, Verdict
from perennial.learn.contract import FloatArray
from perennial.measure.metrics import METRICS


def check_scores(scores: FloatArray) -> Check:
    """Every answer must be a number: NaN compares false with everything, so it comes first."""
    n_bad = int(np.count_nonzero(~np.isfinite(scores)))
    if n_bad:
        return _check("scores", "failed", f"{n_bad} of {scores.size} answers are not numbers")
    return _check("scores", "passed", f"all {scores.size} answers are numbers")


def check_evidence(labels: FloatArray, n_days: int, task: Task, declared: Judge) -> Check:
    """Enough labelled rows, and for binary both classes."""
    n = labels.size
    if n < declared.min_rows:
        sentence = f"{n} rows have a known label, judge.min_rows asks for {declared.min_rows}"
        return _check("evidence", "unknown", sentence)
    if task == "binary" and labels.min() == labels.max():
        sentence = f"all {n} known labels are {labels[0]:g}; two classes are needed"
        return _check("evidence", "unknown", sentence)
    return _check("evidence", "passed", f"{n} rows of {n_days} days have a known label")


def check_limits(metrics: Mapping[str, Value], declared: Judge) -> list[Check]:
    """Each declared limit against the estimate; says so when none is declared."""
    if not declared.limits:
        return [_check("limits", "passed", "no judge.limits are declared, so none were asked for")]
    return [
        _limit(name, metrics[name].estimate if name in metrics else None, limit)
        for name, limit in declared.limits.items()
    ]


def _limit(name: str, estimate: float | None, limit: float) -> Check:
    is_floor = METRICS[name].direction == "higher"
    asked = f"judge.limits asks for {'at least' if is_floor else 'at most'} {limit:g}"
    if estimate is None:
        return _check(f"limit {name}", "unknown", f"{name} is not defined on these rows; {asked}")
    is_met = estimate >= limit if is_floor else estimate <= limit
    return _check(
        f"limit {name}", "passed" if is_met else "failed", f"{name} is {estimate:.4g}; {asked}"
    )


def check_baseline(name: str, beside: Beside, declared: Judge) -> Check:
    """The candidate must beat a baseline beyond doubt."""
    return _better(f"baseline {name}", f"the baseline {name}", beside, declared, margin=0.0)


def check_champion(version: str, beside: Beside, declared: Judge) -> Check:
    """It must beat what serves now beyond doubt, or stay within the declared margin of it."""
    name, serves = f"champion {version}", f"{version}, which serves now"
    return _better(name, serves, beside, declared, declared.margin)


def allow_for_seen_days(
    check: Check, version: str, learned_until: date | None, judged_from: date
) -> Check:
    """What the check says when the champion has learned from some of the judged days.

    It knows their answers then, which can only help it: a win against it counts all the same, but
    a loss tells nothing.
    """
    if learned_until is None or learned_until <= judged_from:
        return check
    seen = f"{version} has learned from the judged days before {learned_until}"
    if check.outcome == "failed":
        sentence = f"{check.sentence}; but {seen}, so that this comparison favours it"
        return _check(check.name, "unknown", sentence)
    return _check(check.name, check.outcome, f"{check.sentence} ({seen}, which favours it)")


def check_no_champion() -> Check:
    """Nothing serves, so there is nothing to be better than; said, not passed over."""
    return _check("champion", "passed", "nothing serves yet, so there is no champion to beat")


def check_same_version(version: str) -> Check:
    """What serves already is not compared with itself: nothing would change."""
    return _check(
        f"champion {version}", "passed", f"{version} is what serves already, so nothing is replaced"
    )


def check_not_comparable(version: str, why: str) -> Check:
    """The champion cannot answer these rows."""
    return _check(f"champion {version}", "unknown", f"{version} cannot answer these rows: {why}")


def decide(checks: Sequence[Check]) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict and the sentences it rests on: any failure refuses, any doubt withholds.

    >>> decide([Check(name="a", outcome="passed", sentence="fine")])
    ('blessed', ('fine',))
    >>> decide([Check(name="b", outcome="unknown", sentence="few rows")])
    ('not_enough_evidence', ('few rows',))
    """
    failed = tuple(each.sentence for each in checks if each.outcome == "failed")
    unknown = tuple(each.sentence for each in checks if each.outcome == "unknown")
    if failed:
        return "refused", failed
    if unknown or not checks:
        return "not_enough_evidence", unknown or ("nothing was checked",)
    return "blessed", tuple(each.sentence for each in checks)


def _better(name: str, opponent: str, beside: Beside, declared: Judge, margin: float) -> Check:
    metric = METRICS[declared.primary]
    estimate, low, high = gain(beside.difference, metric.sign)
    if estimate is None or low is None or high is None:
        return _check(
            name,
            "unknown",
            f"{metric.name}: too few days to bound the difference to {opponent}",
        )
    won = low >= -margin if margin > 0 else low > 0
    asked = (
        f"its worst end must be at least {-margin:g}" if margin > 0 else "it must lie above zero"
    )
    sentence = (
        f"{metric.name} is {'better' if estimate > 0 else 'no better'} than that of {opponent}: "
        f"a gain of {estimate:z.4g}, interval {low:z.4g} to {high:z.4g}; {asked}"
    )
    return _check(name, "passed" if won else "failed", sentence)


def gain(difference: Value, sign: int) -> tuple[float | None, float | None, float | None]:
    """A difference turned so that above zero is better: estimate, low, high.

    >>> gain(Value(estimate=-0.2, low=-0.3, high=-0.1), -1)
    (0.2, 0.1, 0.3)
    """
    if sign > 0:
        return difference.estimate, difference.low, difference.high
    ends = (difference.estimate, difference.high, difference.low)
    estimate, low, high = (None if end is None else -end for end in ends)
    return estimate, low, high


def _check(name: str, outcome: Outcome, sentence: str) -> Check:
    return Check(name=name, outcome=outcome, sentence=sentence)
