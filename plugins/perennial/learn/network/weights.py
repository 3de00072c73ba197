"""Weights as safe tensors, and back into a network whose shape is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from perennial.errors import IntegrityError
from perennial.learn.network.architecture import Architecture, TabularNetwork
from perennial.learn.network.torch_library import torch


def saved(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors as safe tensors; the same tensors give the same bytes."""
    return save({name: each.detach().cpu().contiguous() for name, each in tensors.items()})


def shapes_of(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """The shape of every weight; nothing of their size is allocated for it."""
    with torch.device("meta"):
        network = TabularNetwork(architecture)
    return {name: tuple(each.shape) for name, each in network.state_dict().items()}


def loaded(
    content: bytes, expected: Mapping[str, tuple[int, ...]], where: str
) -> dict[str, Tensor]:
    """Safe tensors, float32, finite and of the expected names and shapes; or IntegrityError."""
    try:
        tensors = load(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError, AssertionError) as error:
        raise IntegrityError(f"{where} holds no safe tensors: {error}") from error
    found = {name: tuple(each.shape) for name, each in tensors.items()}
    if found != dict(expected):
        wrong = sorted(
            name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
        )
        told = [f"{name} {found.get(name)} for {expected.get(name)}" for name in wrong[:5]]
        raise IntegrityError(f"{where} does not fit its own description: {', '.join(told)}")
    for name, each in tensors.items():
        if each.dtype != torch.float32 or not torch.isfinite(each).all():
            raise IntegrityError(f"{where}: {name} is not made of finite 32-bit numbers")
    return tensors
