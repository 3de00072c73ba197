"""What all other forms of boosted trees have in common: the original lies beside."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from perennial.declare.model import Task
from perennial.learn.contract import Explanation, FloatArray, Learner, Rows
from perennial.learn.encoding import Encoding, Feature
from perennial.learn.lightgbm_learner import FEATURES, MODEL, LightGBMLearner
from perennial.learn.variants.making import NotPossibleError

SMALLEST = -700.0
"""Below it e to the minus raw score is no number any more, and the answer is 0 for long."""


class TreeForm(ABC):
    """Answers by another form of the same trees, and explains by LightGBM's.

    LightGBM is only imported, and its text only parsed, when somebody asks for reasons.
    """

    def __init__(self, files: Mapping[str, bytes], is_logistic: bool) -> None:
        self._files = {name: files[name] for name in (MODEL, FEATURES)}
        self._is_logistic = is_logistic
        about = json.loads(files[FEATURES])
        self.encoding = Encoding([Feature.model_validate(each) for each in about["features"]])
        self._task: Task = about["task"]

    @property
    def family(self) -> str:
        """The family it is of."""
        return LightGBMLearner.family

    @property
    def task(self) -> Task:
        """What kind of answer it gives."""
        return self._task

    @property
    def features(self) -> tuple[str, ...]:
        """The columns it needs, in its order."""
        return self.encoding.names

    @cached_property
    def original(self) -> LightGBMLearner:
        """The same trees as LightGBM's own."""
        return LightGBMLearner.load(self._files)

    def raw_scores(self, rows: Rows) -> FloatArray:
        """The sums of the trees (n,): log-odds for binary, the answer itself otherwise."""
        return self._sums(self.encoding.encode(rows))

    def predict(self, rows: Rows) -> FloatArray:
        """The answers (n,): probabilities for binary, numbers in the label's unit otherwise."""
        raw = self.raw_scores(rows)
        if not self._is_logistic:
            return raw
        # The C library's exp, as in LightGBM: numpy's own differs in the last bit.
        odds = [math.exp(-max(each, SMALLEST)) for each in raw.tolist()]
        return 1.0 / (1.0 + np.array(odds, dtype=np.float64))

    def explain(self, rows: Rows) -> Explanation:
        """The answers taken apart, feature by feature, by LightGBM."""
        return self.original.explain(rows)

    def importance(self) -> dict[str, float]:
        """Per feature the share of the loss that its splits took away."""
        return self.original.importance()

    @abstractmethod
    def _sums(self, matrix: FloatArray) -> FloatArray:
        """The raw scores (n,) of the encoded matrix (n, number of features), by the other form."""


def trees_of(original: Learner) -> LightGBMLearner:
    """The original as trees; NotPossibleError for anything else."""
    if not isinstance(original, LightGBMLearner):
        raise NotPossibleError(f"it is no forest of LightGBM but of {original.family}")
    return original


def told(variant: str, **facts: Any) -> bytes:
    """The content of `variant.json`."""
    about = {"family": LightGBMLearner.family, "variant": variant, **facts}
    return (json.dumps(about, indent=2, sort_keys=True) + "\n").encode()
