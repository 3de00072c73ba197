"""Rows as tensors, and in which order they are gone through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from perennial.learn.network.torch_library import torch


@dataclass(frozen=True)
class Batch:
    """m rows with N numbers and C categories each."""

    numbers: torch.Tensor
    """Shape (m, N), float32, 0 where missing."""
    missing: torch.Tensor
    """Shape (m, N), bool."""
    codes: torch.Tensor
    """Shape (m, C), int64; 0 is missing or unknown."""
    targets: torch.Tensor
    """Shape (m,), float32: 0 or 1 for binary, standardised labels for regression."""
    weights: torch.Tensor | None = None
    """How much each row counts (m,), float32; all alike without."""
    more: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """What else an objective needs of each row (m, ...), such as a teacher's answers."""

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, places: torch.Tensor | slice) -> Batch:
        """Only these rows, in this order."""
        return self._each(lambda tensor: tensor[places])

    def to(self, device: torch.device) -> Batch:
        """The same rows on a device."""
        return self._each(lambda tensor: tensor.to(device))

    def parts(self, n: int) -> Sequence[Batch]:
        """The rows in at most `n` parts of nearly equal size, none of them empty."""
        edges = np.linspace(0, len(self), min(n, max(1, len(self))) + 1).astype(int)
        return [self.take(slice(int(a), int(b))) for a, b in pairwise(edges)]

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        return replace(
            self,
            numbers=change(self.numbers),
            missing=change(self.missing),
            codes=change(self.codes),
            targets=change(self.targets),
            weights=None if self.weights is None else change(self.weights),
            more={name: change(each) for name, each in self.more.items()},
        )


Drawing = Callable[[int], Sequence[torch.Tensor]]
"""The batches of an epoch, as places among the rows; by the epoch's number and nothing else, so
that a training which was killed draws the same ones."""


def shuffled(n_rows: int, size: int, seed: int) -> Drawing:
    """Every row once an epoch, in batches of nearly `size` rows, in an order drawn anew each time.

    >>> [len(places) for places in shuffled(10, 4, seed=1)(0)]
    [4, 3, 3]
    """

    def draw(epoch: int) -> Sequence[torch.Tensor]:
        generator = torch.Generator().manual_seed(number_of(seed, epoch))
        order = torch.randperm(n_rows, generator=generator)
        return torch.tensor_split(order, max(1, -(-n_rows // size)))

    return draw


def number_of(*parts: int) -> int:
    """A seed for one place in a training: other parts give another one, unrelated to it.

    >>> number_of(7, 1) == number_of(7, 1), number_of(7, 1) == number_of(7, 2)
    (True, False)
    """
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))
