"""The table of metrics that declarations may name."""

import dataclasses

import numpy as np
import pytest

from perennial.measure.metrics import METRICS, Metric


def test_the_names_are_those_that_declarations_use() -> None:
    assert sorted(METRICS) == [
        "average_precision",
        "brier_score",
        "calibration_error",
        "log_loss",
        "mae",
        "r2",
        "rmse",
        "roc_auc",
    ]
    assert all(name == metric.name for name, metric in METRICS.items())


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
def test_the_direction_is_the_one_that_better_scores_move_in(metric: Metric) -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(0.05, 0.95, size=2_000)
    labels = truth if metric.task == "regression" else (random.random(2_000) < truth).astype(float)
    good, bad = metric.function(labels, truth), metric.function(labels, 1 - truth)
    assert metric.sign * (good - bad) > 0


def test_the_table_and_its_rows_are_frozen() -> None:
    with pytest.raises(TypeError):
        METRICS["mine"] = METRICS["mae"]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        METRICS["mae"].name = "mine"  # type: ignore[misc]
