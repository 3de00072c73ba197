"""The loop of trials: draw, judge fold by fold, and stop early what is not worth it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from perennial.errors import NotEnoughEvidenceError
from perennial.learn.contract import FloatArray
from perennial.measure.metrics import METRICS
from perennial.train.tuning import budget
from perennial.train.tuning.budget import Budget, Ended
from perennial.train.tuning.folds import Past
from perennial.train.tuning.scores import Scores
from perennial.train.tuning.study import SECONDS, VALUES, Study
from perennial.train.tuning.trying import answers_of

if TYPE_CHECKING:
    from optuna.trial import Trial

UNFINISHED = "the minutes were used up"


def search(
    past: Past, study: Study, scores: Scores, allowed: Budget, on_finished: Callable[[], None]
) -> Ended:
    """Try until the budget is used up, and say which part of it was.

    The declared parameters are judged whole whatever the minutes: everything is held beside them.
    """
    while (ended := allowed.ended(len(study.finished), study.seconds)) is None or (
        not study.finished
    ):
        _try_next(past, study, scores, allowed)
        if study.finished:
            scores.drop_but({_name(each.number) for each in (study.finished[0], study.best())})
        on_finished()
    return ended


def answers_kept(study: Study, scores: Scores, number: int) -> FloatArray:
    """The answers (n,) of a trial, by Optuna's number, to the questions of all folds."""

    def lost() -> FloatArray:
        raise NotEnoughEvidenceError(
            f"model {study.model.name}: the answers of trial {number} are no longer in "
            f"var/tune/{study.model.name}/{study.name}: remove var/tune/{study.model.name} and "
            "tune anew"
        )

    return scores.of(_name(number), lost)


def _try_next(past: Past, study: Study, scores: Scores, allowed: Budget) -> None:
    trial, parameters = study.ask()
    beside = study.declared_values
    began, before = budget.clock(), study.seconds
    values: list[float] = []
    answers: list[FloatArray] = []
    for fold in past.folds:
        answers.append(answers_of(past, fold, parameters))
        values.append(_value(past, past.judged(fold).labels, answers[-1]))
        trial.set_user_attr(SECONDS, budget.clock() - began)
        trial.set_user_attr(VALUES, values)
        if not np.isfinite(values[-1]):
            _undefined(past, study, trial, fold.name, is_declared=not beside)
            return
        trial.report(_ahead(values, beside), len(values) - 1)
        if not beside or len(values) == len(past.folds):
            continue  # the declared parameters, or all that there is to judge on
        if trial.should_prune():
            study.prune(trial, f"below the median of the others after {fold.name}")
            return
        spent = before + budget.clock() - began
        if allowed.ended(0, spent) == "minutes":
            study.fail(trial, UNFINISHED)
            return
    scores.keep(_name(trial.number), np.concatenate(answers))
    study.optuna.tell(trial, float(np.mean(values)))


def _ahead(values: list[float], beside: list[float]) -> float:
    """How far a trial lies from the declared parameters so far, on the folds that it has seen.

    Folds differ in how hard they are; a difference on the same folds does not. The pruner compares
    trials by it.
    """
    return float(np.mean(np.subtract(values, beside[: len(values)] or values)))


def _value(past: Past, labels: FloatArray, answers: FloatArray) -> float:
    if not np.isfinite(answers).all():
        return float("nan")
    return float(METRICS[past.model.judge.primary].function(labels, answers))


def _undefined(past: Past, study: Study, trial: Trial, where: str, *, is_declared: bool) -> None:
    """A network that diverged is worth no more folds; declared parameters must not diverge."""
    told = f"{past.model.judge.primary} is not defined on {where}: answers that are no numbers"
    if is_declared:
        study.fail(trial, told)
        raise NotEnoughEvidenceError(
            f"model {past.model.name}: with the declared parameters {told}, so there is nothing "
            "to compare with"
        )
    study.prune(trial, told)


def _name(number: int) -> str:
    return f"trial-{number}"
