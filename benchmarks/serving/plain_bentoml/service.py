"""The same model as BentoML's documentation serves one: a typed API, defaults elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import bentoml
import lightgbm
import numpy as np
from pydantic import create_model

NAMES = os.environ["BENCHMARK_COLUMNS"].split(",")
Parcel = create_model("Parcel", **dict.fromkeys(NAMES, (float, ...)))  # type: ignore[call-overload]


@bentoml.service(name="plain", workers=int(os.environ.get("BENCHMARK_WORKERS", "1")))
class Plain:
    """Answers /predict for one row."""

    def __init__(self) -> None:
        text = Path(os.environ["BENCHMARK_MODEL"]).read_text(encoding="utf-8")
        self.booster = lightgbm.Booster(model_str=text)

    @bentoml.api
    def predict(self, parcel: Parcel) -> dict[str, float]:  # type: ignore[valid-type]
        """The probability that the parcel comes late."""
        row = np.array([[getattr(parcel, name) for name in NAMES]])
        return {"score": float(self.booster.predict(row, num_threads=1)[0])}
