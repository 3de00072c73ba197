"""A network whose large weights are kept as whole numbers of eight bits.

Each row of a matrix has a scale of its own: a weight is its whole number, between -127 and 127,
times that scale (Jacob et al. 2018, arXiv:1712.05877, without a zero point). It takes a quarter of
the bytes; in memory the weights are 32-bit numbers again, so that no answer waits for more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from torch import Tensor

from perennial.errors import IntegrityError
from perennial.learn.network.learner import FEATURES, NETWORK, WEIGHTS, NetworkLearner
from perennial.learn.network.torch_library import torch
from perennial.learn.network.weights import saved

INT8 = "network.int8.safetensors"
SCALE = ".scale"
LARGEST = 127


class QuantizedLearner(NetworkLearner):
    """Answers by the weights that the whole numbers stand for; goes on learning from them."""

    stored: Mapping[str, bytes]
    """Its own files, as they were read, so that saving rounds nothing twice."""

    @classmethod
    def of(cls, learner: NetworkLearner) -> Self:
        """The same learner with its large weights rounded."""
        return cls.load(quantized_files(learner))

    def save(self) -> dict[str, bytes]:
        """The whole numbers with their scales, the small weights, and what tells of them."""
        return dict(self.stored)

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The learner that `save` gave these bytes for; IntegrityError when they are no such."""
        whole = restored(files[INT8])
        others = {name: each for name, each in files.items() if name != INT8}
        found = super().load({**others, WEIGHTS: saved(whole)})
        found.stored = {name: files[name] for name in (FEATURES, NETWORK, INT8)}
        return found


def quantized_files(learner: NetworkLearner) -> dict[str, bytes]:
    """A learner's files with its large weights as whole numbers."""
    from safetensors.torch import load

    files = learner.save()
    tensors: dict[str, Tensor] = {}
    for name, each in load(files[WEIGHTS]).items():
        if is_large(name, each):
            tensors[name], tensors[name + SCALE] = rounded(each)
        else:
            tensors[name] = each
    kept = {name: content for name, content in files.items() if name != WEIGHTS}
    assert NETWORK in kept
    return {**kept, INT8: saved(tensors)}


def is_large(name: str, tensor: Tensor) -> bool:
    """Whether a weight is rounded: matrices are; frequencies, norms and single rows are not.

    A frequency is multiplied by whatever a number is, so that its rounding would grow with it.
    """
    return tensor.dim() >= 2 and not name.endswith("frequencies") and tensor.numel() >= 256


def rounded(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers (..., k), int8, and the scale (..., 1) of each row.

    >>> whole, scale = rounded(torch.tensor([[1.27, -0.5], [0.0, 0.0]]))
    >>> whole.tolist(), [round(float(each), 4) for each in scale]
    ([[127, -50], [0, 0]], [0.01, 1.0])
    """
    largest = weights.abs().amax(dim=-1, keepdim=True)
    scale = torch.where(largest > 0, largest / LARGEST, torch.ones_like(largest))
    return (weights / scale).round().clamp(-LARGEST, LARGEST).to(torch.int8), scale


def restored(content: bytes) -> dict[str, Tensor]:
    """The weights by name, float32; IntegrityError when the file holds anything else."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(content)
        weights = {}
        for name, each in tensors.items():
            if name.endswith(SCALE):
                continue
            is_whole = each.dtype == torch.int8
            weights[name] = each.float() * tensors[name + SCALE] if is_whole else each
        return weights
    except (SafetensorError, KeyError, ValueError, RuntimeError, AssertionError) as error:
        raise IntegrityError(f"{INT8} holds no such tensors: {error}") from error
