"""The metrics that a declaration may name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol

import numpy.typing as npt

from perennial.measure import calibration, classification, regression
from perennial.measure.weighting import Prepare

Direction = Literal["higher", "lower"]
Task = Literal["binary", "regression"]


class WeightedMetric(Protocol):
    """From labels (n,), scores (n,) and optional weights (n,) to one number."""

    def __call__(
        self,
        labels: npt.ArrayLike,
        scores: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        /,
    ) -> float: ...


@dataclass(frozen=True)
class Metric:
    """One number about a model's answers, and which way is better.

    >>> METRICS["log_loss"].function([1, 0], [0.5, 0.5]) < 0.7
    True
    """

    name: str
    function: WeightedMetric
    prepare: Prepare
    """The same at many weightings, for `intervals`."""
    direction: Direction
    """Which is better."""
    task: Task

    @property
    def sign(self) -> Literal[1, -1]:
        """Times a difference, challenger minus champion: above 0 says the challenger is better.

        >>> METRICS["roc_auc"].sign, METRICS["log_loss"].sign
        (1, -1)
        """
        return 1 if self.direction == "higher" else -1


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(
                "roc_auc",
                classification.roc_auc,
                classification.prepare_roc_auc,
                "higher",
                "binary",
            ),
            Metric(
                "log_loss",
                classification.log_loss,
                classification.prepare_log_loss,
                "lower",
                "binary",
            ),
            Metric(
                "average_precision",
                classification.average_precision,
                classification.prepare_average_precision,
                "higher",
                "binary",
            ),
            Metric(
                "brier_score",
                classification.brier_score,
                classification.prepare_brier_score,
                "lower",
                "binary",
            ),
            Metric(
                "calibration_error",
                calibration.expected_calibration_error,
                calibration.prepare_expected_calibration_error,
                "lower",
                "binary",
            ),
            Metric("rmse", regression.rmse, regression.prepare_rmse, "lower", "regression"),
            Metric("mae", regression.mae, regression.prepare_mae, "lower", "regression"),
            Metric("r2", regression.r2, regression.prepare_r2, "higher", "regression"),
        )
    }
)
"""By the name that declarations use."""
