"""LightGBM's own training, with what makes two runs one; from nothing or on top of a booster."""

from __future__ import annotations

from typing import Any

from perennial.declare.lightgbm_parameters import OBJECTIVES
from perennial.declare.model import Task
from perennial.declare.train import Train
from perennial.learn.contract import Curve, OnRound
from perennial.learn.encoding import Encoding
from perennial.learn.lightgbm_library import lightgbm

TRAINING, VALIDATION = "training", "validation"


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


class Boosting:
    """LightGBM with one encoding and one set of parameters.

    `start` is a booster whose trees stay as they are and are added to.
    """

    def __init__(
        self,
        encoding: Encoding,
        parameters: dict[str, Any],
        on_round: OnRound,
        start: Any = None,
    ) -> None:
        self.lightgbm = lightgbm()
        self.encoding = encoding
        self.parameters = parameters
        self.on_round = on_round
        self.start = start

    def with_stopping(
        self,
        matrix: Any,
        labels: Any,
        later: Any,
        later_labels: Any,
        *,
        max_rounds: int,
        rounds: int,
        weights: Any = None,
    ) -> tuple[Any, Curve]:
        """A booster stopped by `later`, once `rounds` rounds made it no better there."""
        learned = self._dataset(matrix, labels, weights)
        recorded: dict[str, dict[str, list[float]]] = {}
        booster = self.lightgbm.train(
            self.parameters,
            learned,
            num_boost_round=max_rounds,
            valid_sets=[learned, self._dataset(later, later_labels, None, learned)],
            valid_names=[TRAINING, VALIDATION],
            init_model=self.start,
            callbacks=[
                self.lightgbm.early_stopping(rounds, verbose=False),
                self.lightgbm.record_evaluation(recorded),
                self._each_round,
            ],
        )
        metric = next(iter(recorded[VALIDATION]))
        training, validation = (
            tuple(float(loss) for loss in recorded[part][metric]) for part in (TRAINING, VALIDATION)
        )
        return booster, Curve(metric, training, validation)

    def with_rounds(self, matrix: Any, labels: Any, n_rounds: int, weights: Any = None) -> Any:
        """A booster of so many rounds."""
        return self.lightgbm.train(
            self.parameters,
            self._dataset(matrix, labels, weights),
            num_boost_round=n_rounds,
            init_model=self.start,
            callbacks=[self._each_round],
        )

    def _dataset(self, matrix: Any, labels: Any, weights: Any = None, reference: Any = None) -> Any:
        return self.lightgbm.Dataset(
            matrix,
            label=labels,
            weight=weights,
            reference=reference,
            # Not the columns' names: LightGBM refuses some characters that SQL allows.
            feature_name=[f"f{place}" for place in range(matrix.shape[1])],
            categorical_feature=self.encoding.categories,
            params=self.parameters,
            # A start answers the rows once more, so LightGBM needs them as they came.
            free_raw_data=self.start is None,
        )

    def _each_round(self, _env: Any) -> None:
        self.on_round(1)
