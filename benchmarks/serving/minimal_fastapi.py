"""The same model in the shortest FastAPI service that there is."""

from __future__ import annotations

import os
from pathlib import Path

import lightgbm
import numpy as np
from fastapi import FastAPI
from pydantic import create_model

NAMES = os.environ["BENCHMARK_COLUMNS"].split(",")
Parcel = create_model("Parcel", **dict.fromkeys(NAMES, (float, ...)))  # type: ignore[call-overload]
app = FastAPI()
booster = lightgbm.Booster(
    model_str=Path(os.environ["BENCHMARK_MODEL"]).read_text(encoding="utf-8")
)


@app.post("/predict")
async def predict(parcel: Parcel) -> dict[str, float]:  # type: ignore[valid-type]
    """The probability that the parcel comes late."""
    row = np.array([[getattr(parcel, name) for name in NAMES]])
    return {"score": float(booster.predict(row, num_threads=1)[0])}
