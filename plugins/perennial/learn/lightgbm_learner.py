"""Gradient-boosted trees, kept as LightGBM's own text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from perennial.declare.model import Task
from perennial.learn.contract import Explanation, FloatArray, Rows
from perennial.learn.encoding import Encoding, Feature
from perennial.learn.lightgbm_library import lightgbm

MODEL, FEATURES = "model.txt", "features.json"

SMALL_BATCH = 1024
"""Up to so many rows one thread answers sooner than several can be woken."""


class LightGBMLearner:
    """A booster and the encoding of its inputs.

    Safe to ask from several threads at once. `threads` bounds the cores for large batches; no
    answer depends on it.
    """

    family: ClassVar[str] = "lightgbm"

    def __init__(self, text: str, encoding: Encoding, task: Task, threads: int = 2) -> None:
        self.encoding = encoding
        self.threads = threads
        self._task: Task = task
        self._text = text
        self._booster = lightgbm().Booster(model_str=text)

    @property
    def task(self) -> Task:
        """What kind of answer it gives."""
        return self._task

    @property
    def text(self) -> str:
        """LightGBM's own text."""
        return self._text

    @property
    def features(self) -> tuple[str, ...]:
        """The columns it needs, in its order."""
        return self.encoding.names

    def predict(self, rows: Rows) -> FloatArray:
        """The answers (n,): probabilities for binary, numbers in the label's unit otherwise."""
        return self._ask(rows)

    def raw_scores(self, rows: Rows) -> FloatArray:
        """The sums of the trees (n,): log-odds for binary, the answer itself otherwise."""
        return self._ask(rows, raw_score=True)

    def explain(self, rows: Rows) -> Explanation:
        """Exact Shapley values of the trees (path dependent, so without a background sample).

        Lundberg et al. (2020), doi:10.1038/s42256-019-0138-9.
        """
        parts = self._ask(rows, pred_contrib=True).reshape(-1, len(self.features) + 1)
        return Explanation(self.features, base=parts[:, -1], contributions=parts[:, :-1])

    def importance(self) -> dict[str, float]:
        """Per feature the share of the loss that its splits took away; all 0 without a split."""
        gains = np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)
        shares = gains / gains.sum() if gains.sum() > 0 else gains
        return {name: float(share) for name, share in zip(self.features, shares, strict=True)}

    def save(self) -> dict[str, bytes]:
        """LightGBM's text and the encoding, as files."""
        about = {
            "family": self.family,
            "task": self._task,
            "features": [each.model_dump(mode="json") for each in self.encoding.features],
        }
        described = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
        return {MODEL: self._text.encode(), FEATURES: described.encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The learner that `save` gave these bytes for."""
        about = json.loads(files[FEATURES])
        encoding = Encoding([Feature.model_validate(each) for each in about["features"]])
        return cls(files[MODEL].decode(), encoding, about["task"])

    def _ask(self, rows: Rows, **how: Any) -> FloatArray:
        matrix = self.encoding.encode(rows)
        if not len(matrix):
            return np.empty(0)
        threads = 1 if len(matrix) <= SMALL_BATCH else self.threads
        return np.asarray(
            self._booster.predict(matrix, num_threads=threads, **how), dtype=np.float64
        )
