"""How LightGBM learns here: repeatably, and stopped by the last days of the window."""

from __future__ import annotations

from typing import Any

import numpy as np

from perennial.declare.lightgbm_parameters import OBJECTIVES
from perennial.declare.model import Task, Train
from perennial.errors import NotEnoughEvidenceError
from perennial.learn.contract import Curve, DayArray, Evidence, Fitted, OnRound
from perennial.learn.encoding import Encoding
from perennial.learn.lightgbm_learner import LightGBMLearner
from perennial.learn.lightgbm_library import lightgbm

TRAINING, VALIDATION = "training", "validation"


def fit(evidence: Evidence, task: Task, declared: Train, on_round: OnRound) -> Fitted:
    """Learn from scratch; the same evidence and declaration give the same bytes.

    The last `stopping.days` days decide the number of rounds; with `stopping.refit` the model
    then learns once more from all days with that number. Raises NotEnoughEvidenceError when the
    days do not suffice, or when either part has labels of one class only (binary).
    """
    encoding = Encoding.learn(evidence.rows)
    matrix = encoding.encode(evidence.rows)
    is_held_out = held_out(evidence.days, declared.stopping.days)
    if task == "binary":
        _both_classes(evidence.labels[~is_held_out], "the days learned from")
        _both_classes(evidence.labels[is_held_out], f"the last {declared.stopping.days} days")
    fitting = _Fitting(encoding, parameters_of(task, declared), on_round)
    booster, curve = fitting.with_stopping(
        matrix[~is_held_out], evidence.labels[~is_held_out],
        matrix[is_held_out], evidence.labels[is_held_out], declared,
    )  # fmt: skip
    n_rounds = max(1, int(booster.best_iteration))
    if declared.stopping.refit:
        booster = fitting.with_rounds(matrix, evidence.labels, n_rounds)
    text = booster.model_to_string(num_iteration=n_rounds)
    return Fitted(
        learner=LightGBMLearner(text, encoding, task, declared.threads),
        n_rounds=n_rounds,
        is_stopped_early=len(curve.validation) < declared.stopping.max_rounds,
        curve=curve,
    )


def parameters_of(task: Task, declared: Train) -> dict[str, Any]:
    """LightGBM's parameters: the declared ones, and those that make two runs one."""
    return {
        "objective": OBJECTIVES[task][0],
        **declared.parameters,
        "seed": declared.seed,
        "num_threads": declared.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def held_out(days: DayArray, n_days: int) -> Any:
    """Which rows (n,) lie on the last `n_days` calendar days of `days` (n,).

    >>> held_out(np.array(["2024-01-01", "2024-01-05"], dtype="datetime64[D]"), 2)
    array([False,  True])
    """
    cutoff = days.max() - np.timedelta64(n_days - 1, "D")
    is_last = days >= cutoff
    if is_last.all():
        raise NotEnoughEvidenceError(
            f"stopping holds out the last {n_days} days, but the labelled rows reach only from "
            f"{days.min()} to {days.max()}: nothing is left to learn from (declared in "
            "train.stopping.days)"
        )
    return is_last


def _both_classes(labels: Any, where: str) -> None:
    if labels.min() == labels.max():
        raise NotEnoughEvidenceError(
            f"all {labels.size} labels of {where} are {labels[0]:g}; two classes are needed"
        )


class _Fitting:
    """LightGBM with one encoding and one set of parameters."""

    def __init__(self, encoding: Encoding, parameters: dict[str, Any], on_round: OnRound) -> None:
        self.lightgbm = lightgbm()
        self.encoding = encoding
        self.parameters = parameters
        self.on_round = on_round

    def with_stopping(
        self, matrix: Any, labels: Any, later: Any, later_labels: Any, declared: Train
    ) -> tuple[Any, Curve]:
        learned = self._dataset(matrix, labels)
        recorded: dict[str, dict[str, list[float]]] = {}
        booster = self.lightgbm.train(
            self.parameters,
            learned,
            num_boost_round=declared.stopping.max_rounds,
            valid_sets=[learned, self._dataset(later, later_labels, learned)],
            valid_names=[TRAINING, VALIDATION],
            callbacks=[
                self.lightgbm.early_stopping(declared.stopping.rounds, verbose=False),
                self.lightgbm.record_evaluation(recorded),
                self._each_round,
            ],
        )
        metric = next(iter(recorded[VALIDATION]))
        training, validation = (
            tuple(float(loss) for loss in recorded[part][metric]) for part in (TRAINING, VALIDATION)
        )
        return booster, Curve(metric, training, validation)

    def with_rounds(self, matrix: Any, labels: Any, n_rounds: int) -> Any:
        return self.lightgbm.train(
            self.parameters,
            self._dataset(matrix, labels),
            num_boost_round=n_rounds,
            callbacks=[self._each_round],
        )

    def _dataset(self, matrix: Any, labels: Any, reference: Any = None) -> Any:
        return self.lightgbm.Dataset(
            matrix,
            label=labels,
            reference=reference,
            # Not the columns' names: LightGBM refuses some characters that SQL allows.
            feature_name=[f"f{place}" for place in range(matrix.shape[1])],
            categorical_feature=self.encoding.categories,
            params=self.parameters,
        )

    def _each_round(self, _env: Any) -> None:
        self.on_round(1)
