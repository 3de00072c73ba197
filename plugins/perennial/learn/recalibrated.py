"""A learner whose raw scores go through a straight line, so that their level fits the labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol, Self, runtime_checkable

import numpy as np

from perennial.declare.model import Task
from perennial.learn.contract import Explanation, FloatArray, Learner, Rows

CALIBRATION = "calibration.json"


@runtime_checkable
class Scoring(Learner, Protocol):
    """A learner that tells its raw scores: log-odds for binary, the answer itself otherwise."""

    def raw_scores(self, rows: Rows) -> FloatArray:
        """The raw scores (n,)."""
        ...


class Recalibrated:
    """intercept + slope x the raw score of `base`; the logistic function of it for binary.

    `slope` is above 0, so no two answers change places. Explanations stay exact: the base value
    becomes intercept + slope x its own, each contribution is multiplied by the slope, and their
    sum is the recalibrated raw score.
    """

    def __init__(self, base: Scoring, intercept: float, slope: float) -> None:
        if not (np.isfinite(intercept) and np.isfinite(slope) and slope > 0):
            raise ValueError(
                f"a recalibration needs a finite intercept and a slope above 0, got {intercept!r} "
                f"and {slope!r}"
            )
        self.base, self.intercept, self.slope = base, float(intercept), float(slope)

    @property
    def family(self) -> str:
        """The family of what is inside."""
        return self.base.family

    @property
    def task(self) -> Task:
        """What kind of answer it gives."""
        return self.base.task

    @property
    def features(self) -> tuple[str, ...]:
        """The columns it needs, in its order."""
        return self.base.features

    def predict(self, rows: Rows) -> FloatArray:
        """The answers (n,): probabilities for binary, numbers in the label's unit otherwise."""
        raw = self.raw_scores(rows)
        if self.task == "regression":
            return raw
        from scipy.special import expit  # one number at a time: a row alone is as in a batch

        return np.asarray(expit(raw), dtype=np.float64)

    def raw_scores(self, rows: Rows) -> FloatArray:
        """The recalibrated raw scores (n,)."""
        return self.intercept + self.slope * self.base.raw_scores(rows)

    def explain(self, rows: Rows) -> Explanation:
        """The answers taken apart: base plus contributions is the recalibrated raw score."""
        inner = self.base.explain(rows)
        return Explanation(
            inner.features,
            base=self.intercept + self.slope * inner.base,
            contributions=self.slope * inner.contributions,
        )

    def importance(self) -> dict[str, float]:
        """That of what is inside: a straight line changes no share."""
        return self.base.importance()

    def save(self) -> dict[str, bytes]:
        """The files of what is inside, and the line."""
        line = {"intercept": self.intercept, "slope": self.slope}
        return {**self.base.save(), CALIBRATION: (json.dumps(line, indent=2) + "\n").encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The learner that `save` gave these bytes for."""
        from perennial.learn.loading import uncalibrated

        line = json.loads(files[CALIBRATION])
        base = uncalibrated(files)
        assert isinstance(base, Scoring)
        return cls(base, line["intercept"], line["slope"])
