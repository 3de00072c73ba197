"""From named columns to what a network takes in: numbers of a like spread, and codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from perennial.learn.contract import FloatArray, Rows
from perennial.learn.encoding import Encoding
from perennial.learn.network.batches import Batch
from perennial.learn.network.knots import Knots, Straightened, knots_of
from perennial.learn.network.torch_library import torch


class Inputs:
    """An encoding, and per number the knots that bring it to a like spread (see `knots`).

    A number becomes the normal quantile of its rank among those learned from, so that no outlier
    drowns the rest and a few minutes differ where most values are hours apart. A missing one is 0
    and marked as missing. A category becomes 1 + its place in the vocabulary; missing and unknown
    ones are 0.
    """

    def __init__(self, encoding: Encoding, knots: Sequence[Knots]) -> None:
        self.encoding = encoding
        self.numbers = [n for n, each in enumerate(encoding.features) if each.kind == "number"]
        self.categories = encoding.categories
        self.knots = tuple(knots)
        if len(self.knots) != len(self.numbers):
            raise ValueError(
                f"{len(self.numbers)} numbers need as many rows of knots, got {len(self.knots)}"
            )
        self._straightened = Straightened(self.knots)
        self.order = [*self.numbers, *self.categories]
        """Where each of the network's inputs stands among the features."""

    @classmethod
    def learn(cls, table: Any) -> Self:
        """Those of a pyarrow Table: its vocabulary, and the ranks of its numbers."""
        encoding = Encoding.learn(table)
        matrix = encoding.encode(table)
        numbers = [n for n, each in enumerate(encoding.features) if each.kind == "number"]
        return cls(encoding, [knots_of(matrix[:, place]) for place in numbers])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Per category how many values are known."""
        return tuple(len(self.encoding.features[n].vocabulary) for n in self.categories)

    def batch(self, rows: Rows, targets: FloatArray | None = None) -> Batch:
        """Rows as tensors; with their targets (n,) when something is learned from them."""
        return self.of_matrix(self.encoding.encode(rows), targets)

    def of_matrix(self, matrix: FloatArray, targets: FloatArray | None = None) -> Batch:
        """The encoded matrix (n, number of features) as tensors."""
        straight = self._straightened(matrix[:, self.numbers])
        missing = np.isnan(straight)
        codes = matrix[:, self.categories]
        known = np.where(np.isnan(codes), -1.0, codes) + 1
        return Batch(
            numbers=torch.from_numpy(np.where(missing, 0.0, straight).astype(np.float32)),
            missing=torch.from_numpy(missing),
            codes=torch.from_numpy(known.astype(np.int64)),
            targets=torch.from_numpy(
                np.zeros(len(matrix), np.float32)
                if targets is None
                else np.asarray(targets, dtype=np.float32)
            ),
        )
