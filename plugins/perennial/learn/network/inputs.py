"""From named columns to what a network takes in: numbers of a like size, and categories' codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from perennial.learn.contract import FloatArray, Rows
from perennial.learn.encoding import Encoding
from perennial.learn.network.batches import Batch
from perennial.learn.network.torch_library import torch

FAR = 1e6
"""Further out than this nothing differs any more."""


class Inputs:
    """An encoding, and per number the centre and the scale that bring it near 0.

    A number becomes `z / sqrt(1 + (z / 3)^2)` with `z = (x - centre) * scale`: linear near the
    centre, never beyond 3, so that no outlier drowns the rest (Holzmueller et al. 2024,
    arXiv:2407.04491). A missing one is 0 and marked as missing. A category becomes 1 + its place in
    the vocabulary; missing and unknown ones are 0.
    """

    def __init__(
        self, encoding: Encoding, centres: Sequence[float], scales: Sequence[float]
    ) -> None:
        self.encoding = encoding
        self.numbers = [n for n, each in enumerate(encoding.features) if each.kind == "number"]
        self.categories = encoding.categories
        self.centres = np.asarray(centres, dtype=np.float64)
        self.scales = np.asarray(scales, dtype=np.float64)
        if not self.centres.shape == self.scales.shape == (len(self.numbers),):
            raise ValueError(
                f"{len(self.numbers)} numbers need as many centres and scales, got "
                f"{self.centres.size} and {self.scales.size}"
            )
        self.order = [*self.numbers, *self.categories]
        """Where each of the network's inputs stands among the features."""

    @classmethod
    def learn(cls, table: Any) -> Self:
        """Those of a pyarrow Table: its vocabulary, and its medians and spreads."""
        encoding = Encoding.learn(table)
        matrix = encoding.encode(table)
        numbers = [n for n, each in enumerate(encoding.features) if each.kind == "number"]
        measured = [centre_and_scale(matrix[:, place]) for place in numbers]
        return cls(encoding, [each[0] for each in measured], [each[1] for each in measured])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Per category how many values are known."""
        return tuple(len(self.encoding.features[n].vocabulary) for n in self.categories)

    def batch(self, rows: Rows, targets: FloatArray | None = None) -> Batch:
        """Rows as tensors; with their targets (n,) when something is learned from them."""
        return self.of_matrix(self.encoding.encode(rows), targets)

    def of_matrix(self, matrix: FloatArray, targets: FloatArray | None = None) -> Batch:
        """The encoded matrix (n, number of features) as tensors."""
        values = matrix[:, self.numbers]
        missing = np.isnan(values)
        with np.errstate(invalid="ignore", over="ignore"):
            away = np.clip(values - self.centres, -1e300, 1e300)  # infinity times 0 is no number
            away = np.clip(away * self.scales, -FAR, FAR)
        squeezed = np.where(missing, 0.0, away / np.sqrt(1 + (away / 3) ** 2))
        codes = matrix[:, self.categories]
        known = np.where(np.isnan(codes), -1.0, codes) + 1
        return Batch(
            numbers=torch.from_numpy(squeezed.astype(np.float32)),
            missing=torch.from_numpy(missing),
            codes=torch.from_numpy(known.astype(np.int64)),
            targets=torch.from_numpy(
                np.zeros(len(matrix), np.float32)
                if targets is None
                else np.asarray(targets, dtype=np.float32)
            ),
        )


def centre_and_scale(values: FloatArray) -> tuple[float, float]:
    """The median of values (n,), and what their distance from it is multiplied by.

    One over the distance between the quartiles; where that is 0, two over the whole range; where
    that is 0 too, or nothing is known, 0: a constant tells nothing. NaN and infinity do not count.

    >>> centre_and_scale(np.array([1.0, 2.0, 3.0, 4.0, 5.0, float("nan")]))
    (3.0, 0.5)
    >>> centre_and_scale(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 4.0]))
    (0.0, 0.5)
    >>> centre_and_scale(np.array([7.0, 7.0])), centre_and_scale(np.array([float("nan")]))
    ((7.0, 0.0), (0.0, 0.0))
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 0.0
    low, centre, high = (float(each) for each in np.quantile(known, [0.25, 0.5, 0.75]))
    spread = high - low or (float(known.max()) - float(known.min())) / 2
    return centre, 1 / spread if spread > 1e-300 and np.isfinite(spread) else 0.0
