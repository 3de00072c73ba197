"""What a network is made to do well: a loss per row, and what holds its weights back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from perennial.declare.model import Task
from perennial.learn.network.architecture import TabularNetwork
from perennial.learn.network.batches import Batch
from perennial.learn.network.torch_library import torch

RowLoss = Callable[[Tensor, Batch], Tensor]
"""What comes out of the network (m,) and the rows it came out for: the loss of each (m,)."""

Penalty = Callable[[TabularNetwork], Tensor]
"""A number that a step adds to the mean loss of its batch, once however many parts it has."""


@dataclass(frozen=True)
class Objective:
    """What is minimised: the weighted mean loss of a batch's rows, plus the penalty."""

    rows: RowLoss
    penalty: Penalty | None = None
    judged: RowLoss | None = None
    """The loss of held-out rows, by which it stops; `rows` without."""


def label_loss(task: Task) -> RowLoss:
    """Log loss for binary, the squared standardised error for regression."""
    return _log_loss if task == "binary" else _squared_error


def mean(losses: Tensor, batch: Batch) -> Tensor:
    """The weighted mean of losses (m,)."""
    return weighted_sum(losses, batch) / weight(batch)


def weighted_sum(losses: Tensor, batch: Batch) -> Tensor:
    """The sum of losses (m,), each times its row's weight."""
    return (losses if batch.weights is None else losses * batch.weights).sum()


def weight(batch: Batch) -> float:
    """How much all rows of a batch count together."""
    return float(len(batch) if batch.weights is None else batch.weights.sum(dtype=torch.float64))


def _log_loss(out: Tensor, batch: Batch) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(out, batch.targets, reduction="none")


def _squared_error(out: Tensor, batch: Batch) -> Tensor:
    return (out - batch.targets) ** 2
