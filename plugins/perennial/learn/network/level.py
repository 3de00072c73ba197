"""Between a label's own unit and the standardised answers of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from perennial.declare.model import Task
from perennial.learn.contract import FloatArray


@dataclass(frozen=True)
class Level:
    """raw score = centre + scale x what comes out of the network; 0 and 1 for binary."""

    centre: float = 0.0
    scale: float = 1.0

    @classmethod
    def learn(cls, labels: FloatArray, task: Task) -> Self:
        """The mean and the standard deviation of labels (n,); a constant has the scale 1.

        >>> Level.learn(np.array([1.0, 3.0]), "regression")
        Level(centre=2.0, scale=1.0)
        >>> Level.learn(np.array([5.0, 5.0]), "regression")
        Level(centre=5.0, scale=1.0)
        >>> Level.learn(np.array([0.0, 1.0]), "binary")
        Level(centre=0.0, scale=1.0)
        """
        if task == "binary":
            return cls()
        return cls(float(labels.mean()), float(labels.std()) or 1.0)

    def targets(self, labels: FloatArray) -> FloatArray:
        """Labels (n,) as the network should answer them."""
        return (labels - self.centre) / self.scale

    def raw(self, out: FloatArray) -> FloatArray:
        """What comes out of the network (n,) as raw scores."""
        return self.centre + self.scale * np.asarray(out, dtype=np.float64)
