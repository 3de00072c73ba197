"""How LightGBM learns from scratch: repeatably, and stopped by the last days of the window."""

from __future__ import annotations

from pathlib import Path

from perennial.declare.model import Task
from perennial.declare.train import Train
from perennial.learn.contract import Evidence, Fitted, OnRound
from perennial.learn.encoding import Encoding
from perennial.learn.held_out import both_classes, held_out
from perennial.learn.lightgbm_boosting import Boosting, parameters_of
from perennial.learn.lightgbm_learner import LightGBMLearner


def fit(
    evidence: Evidence,
    task: Task,
    declared: Train,
    on_round: OnRound,
    checkpoint: Path | None = None,
) -> Fitted:
    """Learn from scratch; the same evidence and declaration give the same bytes.

    The last `stopping.days` days decide the number of rounds; with `stopping.refit` the model
    then learns once more from all days with that number. Raises NotEnoughEvidenceError when the
    days do not suffice, or when either part has labels of one class only (binary).
    """
    encoding = Encoding.learn(evidence.rows)
    matrix = encoding.encode(evidence.rows)
    stopping = declared.stopping
    is_held_out = held_out(evidence.days, stopping.days)
    if task == "binary":
        both_classes(evidence.labels[~is_held_out], "the days learned from")
        both_classes(evidence.labels[is_held_out], f"the last {stopping.days} days")
    boosting = Boosting(encoding, parameters_of(task, declared), on_round)
    booster, curve = boosting.with_stopping(
        matrix[~is_held_out], evidence.labels[~is_held_out],
        matrix[is_held_out], evidence.labels[is_held_out],
        max_rounds=stopping.max_rounds, rounds=stopping.rounds,
    )  # fmt: skip
    n_rounds = max(1, int(booster.best_iteration))
    if stopping.refit:
        booster = boosting.with_rounds(matrix, evidence.labels, n_rounds)
    text = booster.model_to_string(num_iteration=n_rounds)
    return Fitted(
        learner=LightGBMLearner(text, encoding, task, declared.threads),
        n_rounds=n_rounds,
        is_stopped_early=len(curve.validation) < stopping.max_rounds,
        curve=curve,
        validation_loss=curve.validation[n_rounds - 1],
    )
