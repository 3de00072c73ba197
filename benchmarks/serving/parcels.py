"""The benchmark's data, model and questions: synthetic parcels, the same each time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from perennial.learn.encoding import Encoding
from perennial.learn.lightgbm_boosting import Boosting
from perennial.learn.lightgbm_learner import LightGBMLearner

NOON = datetime(2024, 5, 3, 12, tzinfo=UTC)
MODEL = "late_parcel"
N_COURIERS, N_ROWS, N_TREES, N_LEAVES, N_QUESTIONS = 1000, 20_000, 500, 63, 1000
TOLD = ("weight_kg", "volume_l", "distance_km", "n_stops", "hour")
HABITS = tuple(f"habit_{number:02}" for number in range(15))
COLUMNS = (*TOLD, *(f"courier_habits__{name}" for name in HABITS))
"""As the gateway orders them: what the caller tells, then the views."""


@dataclass(frozen=True)
class Parcels:
    """Couriers' habits, a model that learned from parcels, and questions about others."""

    habits: Any
    """Shape (couriers, 15)."""
    learner: LightGBMLearner
    questions: list[dict[str, Any]]
    """For the gateway: a courier and what the caller tells."""
    rows: list[dict[str, float]]
    """For the other servers: all twenty features."""
    scores: list[float]
    """The offline answers to the questions."""
    other: LightGBMLearner
    """Another training of the same, for a release."""
    other_scores: list[float]
    """Its offline answers."""

    def write_habits(self, file: Path) -> None:
        """The mart of the online features."""
        file.parent.mkdir(parents=True)
        moment = pa.array([NOON.replace(hour=10)] * N_COURIERS, pa.timestamp("us", "UTC"))
        columns = {name: self.habits[:, place] for place, name in enumerate(HABITS)}
        times = {"event_timestamp": moment, "created_timestamp": moment}
        pq.write_table(pa.table({"courier": np.arange(N_COURIERS), **columns, **times}), file)


def parcels(seed: int = 7) -> Parcels:
    """Train on made parcels, and ask about others of the same couriers."""
    random = np.random.default_rng(seed)
    habits = random.normal(size=(N_COURIERS, len(HABITS))).round(6)
    couriers, told = _asked(random, N_ROWS)
    matrix = np.hstack([told, habits[couriers]])
    signal = matrix @ random.normal(size=matrix.shape[1]) / matrix.std(axis=0).mean()
    signal += 2 * np.sin(3 * matrix[:, 5]) * matrix[:, 6] + random.normal(size=N_ROWS)
    labels = (signal > np.median(signal)).astype(float)
    learner = _learner(matrix, labels)
    again = random.integers(0, N_ROWS, N_ROWS)
    other = _learner(matrix[again], labels[again])
    couriers, told = _asked(random, N_QUESTIONS)
    asked = np.hstack([told, habits[couriers]])
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in asked.tolist()]
    moment = NOON.isoformat()
    questions = [
        {"courier": courier, **{name: row[name] for name in TOLD}, "n_stops": int(row["n_stops"]),
         "handed_over_at": moment}
        for courier, row in zip(couriers.tolist(), rows, strict=True)
    ]  # fmt: skip
    scores, other_scores = (each.predict(rows).tolist() for each in (learner, other))
    return Parcels(habits, learner, questions, rows, scores, other, other_scores)


def _asked(random: Any, n: int) -> tuple[Any, Any]:
    told = [
        random.gamma(2, 2, n).clip(0, 99).round(3),
        random.gamma(2, 9, n).clip(0, 999).round(3),
        random.gamma(2, 5, n).clip(0, 999).round(3),
        random.integers(0, 120, n),
        random.uniform(6, 20, n).round(3),
    ]
    return random.integers(0, N_COURIERS, n), np.column_stack(told)


def _learner(matrix: Any, labels: Any) -> LightGBMLearner:
    encoding = Encoding.learn(pa.table(dict(zip(COLUMNS, matrix.T, strict=True))))
    parameters = {
        "objective": "binary", "num_leaves": N_LEAVES, "learning_rate": 0.05,
        "min_data_in_leaf": 20, "seed": 7, "deterministic": True, "force_row_wise": True,
        "num_threads": 2, "verbosity": -1,
    }  # fmt: skip
    boosting = Boosting(encoding, parameters, on_round=lambda n: None)
    booster = boosting.with_rounds(matrix, labels, N_TREES)
    return LightGBMLearner(booster.model_to_string(), encoding, "binary")
