"""Whether the best trial is really better than the declared parameters."""

from __future__ import annotations

from typing import Any

from perennial.learn.contract import DayArray, FloatArray
from perennial.measure.intervals import Comparison, compare
from perennial.measure.metrics import METRICS
from perennial.train.estimates import Value
from perennial.train.tuning.folds import Past
from perennial.train.tuning.scores import Scores
from perennial.train.tuning.searching import answers_kept
from perennial.train.tuning.study import Study
from perennial.train.tuning.trying import answers_of
from perennial.train.tuning.tuned import Beside, Confirmed, Verdict


def on_folds(past: Past, study: Study, scores: Scores) -> Beside:
    """Best and declared over the days of all folds together.

    The best was chosen among many by these very days, so that it looks better on them than it is.
    """
    labels, days = past.judged_together()
    numbers = (study.finished[0].number, study.best().number)
    declared, best = (answers_kept(study, scores, number) for number in numbers)
    return Beside(**_values(_compared(past, labels, days, declared, best)))


def confirm(past: Past, study: Study, scores: Scores, found: dict[str, Any]) -> Confirmed:
    """Best and declared on the newest days, which no trial was judged on.

    Both learn once more from all that was known before; a second run finds their answers.
    """
    fold = past.confirm
    judged = past.judged(fold)
    declared = scores.of("confirm-declared", lambda: answers_of(past, fold, {}))
    number = study.best().number
    best = scores.of(f"confirm-{number}", lambda: answers_of(past, fold, found))
    compared = _compared(past, judged.labels, judged.days, declared, best)
    n_rows = int(judged.labels.size)
    return Confirmed(start=fold.start, end=fold.end, n_rows=n_rows, **_values(compared))


def verdict_of(metric: str, n_trials: int, confirmed: Confirmed | None) -> tuple[Verdict, str]:
    """What the confirming days say, as a word and as a sentence."""
    if n_trials == 1:
        return "declared", (
            "only the declared parameters were judged: the budget held no other trial (--trials, "
            "--minutes)"
        )
    if confirmed is None:
        return "declared", "no trial was better than the declared parameters"
    sign, difference = METRICS[metric].sign, confirmed.difference
    low, high = difference.low, difference.high
    days = f"on {confirmed.start} <= day < {confirmed.end}, which no trial was judged on"
    if low is None or high is None:
        return "not_told_apart", (
            f"{days}, there are too few days for an interval: declare more of "
            "train.tune.confirm_days to know whether the best is better"
        )
    between = f"{metric} differs by {difference.estimate:.5f} ({low:.5f} to {high:.5f})"
    if min(sign * low, sign * high) > 0:
        return "better", f"the best trial is better beyond doubt: {days}, {between}"
    if max(sign * low, sign * high) < 0:
        return "worse", f"the best trial is worse beyond doubt: {days}, {between}"
    return "not_told_apart", (
        f"the best trial cannot be told from the declared parameters: {days}, {between}"
    )


def _compared(
    past: Past, labels: FloatArray, days: DayArray, declared: FloatArray, best: FloatArray
) -> Comparison:
    judge = past.model.judge
    return compare(
        {judge.primary: METRICS[judge.primary].prepare},
        labels,
        declared,
        best,
        seed=past.model.train.seed,
        groups=days,
        n_resamples=judge.resamples,
        confidence=judge.confidence,
    )[judge.primary]


def _values(compared: Comparison) -> dict[str, Value]:
    return {
        "declared": Value.of(compared.champion),
        "best": Value.of(compared.challenger),
        "difference": Value.of(compared.difference),
    }
