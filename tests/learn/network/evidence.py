"""Small evidence, and small networks that learn it in a moment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from perennial.declare.model import Task
from perennial.declare.train import Train
from perennial.learn.contract import Evidence

SMALL = {
    "width": 16, "blocks": 1, "frequencies": 4, "numeric_embedding": 4, "embedding": 3,
    "batch": 128, "epochs": 6, "learning_rate": 0.01, "weight_decay": 1e-4, "dropout": 0.1,
    "hidden": 0.0,
}  # fmt: skip


def declared(stopping: dict[str, Any] | None = None, **parameters: Any) -> Train:
    return Train.model_validate(
        {
            "learner": "torch",
            "parameters": {**SMALL, **parameters},
            "stopping": {"days": 3, **(stopping or {})},
            "threads": 1,
        }
    )


def evidence(task: Task = "binary", n: int = 800) -> Evidence:
    random = np.random.default_rng(3)
    x, letter = random.normal(size=n), random.choice(["a", "b", "c"], size=n)
    score = x + (letter == "a") + random.normal(scale=0.5, size=n)
    labels = (score > 0).astype(float) if task == "binary" else 100 + 10 * score
    days = np.datetime64("2024-01-01") + np.sort(random.integers(10, size=n))
    x = np.where(random.random(n) < 0.05, np.nan, x)
    rows = pa.table({"x": x, "letter": letter, "noise": random.normal(size=n)})
    return Evidence(rows, labels, days.astype("datetime64[D]"))
