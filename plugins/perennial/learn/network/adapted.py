"""A network with adapters beside its weights: the base's own files, and theirs, kept apart."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from torch import Tensor, nn

from perennial.errors import IntegrityError
from perennial.learn.contract import FloatArray
from perennial.learn.network.architecture import TabularNetwork
from perennial.learn.network.batches import Batch
from perennial.learn.network.learner import NetworkLearner
from perennial.learn.network.quantized import INT8, QuantizedLearner
from perennial.learn.network.torch_library import torch
from perennial.learn.network.weights import loaded, saved

ADAPTER, CONFIG = "adapter_model.safetensors", "adapter_config.json"
"""As peft names them, so that its own tools read them too."""


@dataclass(frozen=True)
class Adapter:
    """Two narrow matrices beside each adapted layer: W becomes W + alpha / rank x B A."""

    rank: int
    alpha: float
    tensors: Mapping[str, Tensor]
    """`<layer>.lora_A.weight` (rank, inputs) and `<layer>.lora_B.weight` (outputs, rank)."""


class AdaptedLearner(NetworkLearner):
    """Answers by the sum of both. `of` is the base, untouched, and `adapter` may be swapped."""

    def __init__(self, of: NetworkLearner, adapter: Adapter, importance: FloatArray) -> None:
        network = merged(of.network, adapter)
        super().__init__(network, of.inputs, of.level, of.task, of.base, importance, of.threads)
        self.of, self.adapter = of, adapter

    @classmethod
    def finished_with(cls, of: NetworkLearner, adapter: Adapter, data: Batch) -> Self:
        """The learner of a base and what was learned beside it; importance is of `data`."""
        network = merged(of.network, adapter)
        told = NetworkLearner.finished(network, of.inputs, of.level, of.task, data, of.threads)
        return cls(of, adapter, told.shares)

    def save(self) -> dict[str, bytes]:
        """The base's files as they are, and the adapter's."""
        told = {
            "peft_type": "LORA",
            "r": self.adapter.rank,
            "lora_alpha": self.adapter.alpha,
            "target_modules": targets_of(self.of.network),
            "importance": [float(each) for each in self.shares],
        }
        config = (json.dumps(told, indent=2) + "\n").encode()
        return {**self.of.save(), ADAPTER: saved(self.adapter.tensors), CONFIG: config}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The learner that `save` gave these bytes for; IntegrityError when they are no such."""
        base = {name: each for name, each in files.items() if name not in (ADAPTER, CONFIG)}
        of = (QuantizedLearner if INT8 in base else NetworkLearner).load(base)
        try:
            told = json.loads(files[CONFIG])
            rank, alpha = int(told["r"]), float(told["lora_alpha"])
            importance = np.array(told["importance"], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError(f"{CONFIG} cannot be read: {error}") from error
        if not 1 <= rank <= 4096 or importance.shape != of.shares.shape:
            raise IntegrityError(f"{CONFIG} does not fit the network that it stands beside")
        tensors = loaded(files[ADAPTER], shapes_of(of.network, rank), ADAPTER)
        return cls(of, Adapter(rank, alpha, tensors), importance)


def targets_of(network: TabularNetwork) -> list[str]:
    """The layers that get adapters: every linear one but the last, which has one output."""
    return [
        name
        for name, each in network.named_modules()
        if isinstance(each, nn.Linear) and name != "head"
    ]


def shapes_of(network: TabularNetwork, rank: int) -> dict[str, tuple[int, ...]]:
    """The shapes of an adapter's weights, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name in targets_of(network):
        layer = network.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        shapes[f"{name}.lora_A.weight"] = (rank, layer.in_features)
        shapes[f"{name}.lora_B.weight"] = (layer.out_features, rank)
    return shapes


def merged(network: TabularNetwork, adapter: Adapter) -> TabularNetwork:
    """A copy of the network with the adapter taken into its weights."""
    copied = copy.deepcopy(network)
    scale = adapter.alpha / adapter.rank
    with torch.no_grad():
        for name in targets_of(copied):
            down = adapter.tensors[f"{name}.lora_A.weight"]
            up = adapter.tensors[f"{name}.lora_B.weight"]
            layer = copied.get_submodule(name)
            assert isinstance(layer, nn.Linear)
            layer.weight.add_(scale * (up @ down))
    return copied
