"""A new network that starts from what another model's network has learned.

What both know of is taken over: the vectors of features with the same name (of categories value by
value) and what the first layer makes of them, the blocks and the norm. The last layer is new.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from perennial.declare.model import Task
from perennial.declare.train import Train
from perennial.learn.contract import Evidence, Fitted, Learner, OnRound
from perennial.learn.network.architecture import TabularNetwork
from perennial.learn.network.fitting import Begun, fit_by
from perennial.learn.network.inputs import Inputs
from perennial.learn.network.learner import NetworkLearner
from perennial.learn.network.strategies.onward import plain
from perennial.learn.network.torch_library import torch

SHAPE = ("width", "blocks", "embedding", "frequencies", "numeric_embedding")
"""What has to be alike for one network's weights to fit another."""


def transfer(
    base: Learner,
    evidence: Evidence,
    task: Task,
    declared: Train,
    on_round: OnRound,
    checkpoint: Path | None = None,
) -> Fitted:
    """Learn as from scratch (see `fitting.fit`), but from the base's weights.

    With `train.transfer.freeze` blocks and norm stay as they were. Raises ValueError when the
    declared network has another shape than the base, or no feature in common with it.
    """
    other = plain(base)

    def begin(rows: Evidence) -> Begun:
        return Transferred(rows, task, declared, other)

    return fit_by(begin, evidence, task, declared, on_round, checkpoint)


class Transferred(Begun):
    """A new network whose weights are the base's wherever both know of the same."""

    def __init__(
        self, evidence: Evidence, task: Task, declared: Train, base: NetworkLearner
    ) -> None:
        super().__init__(evidence, task, declared)
        _must_be_alike(self.network, base.network)
        self.inputs = scaled_as(self.inputs, base.inputs)
        self.data = self.inputs.batch(evidence.rows, self.level.targets(evidence.labels))
        take_over(self.network, self.inputs, base)
        if declared.transfer is not None and declared.transfer.freeze:
            self.trainable = lambda name: not name.startswith(("blocks.", "norm."))


def scaled_as(own: Inputs, base: Inputs) -> Inputs:
    """The same inputs, but numbers that the base knows too are centred and scaled as there."""
    knots = list(own.knots)
    for place, at in _in_both(_numbers(own), _numbers(base)):
        knots[place] = base.knots[at]
    return Inputs(own.encoding, knots)


def take_over(network: TabularNetwork, inputs: Inputs, base: NetworkLearner) -> None:
    """Put the base's weights in place, in the network itself."""
    numbers = _in_both(_numbers(inputs), _numbers(base.inputs))
    categories = _in_both(_categories(inputs), _categories(base.inputs))
    if not numbers and not categories:
        raise ValueError(
            f"the model to start from knows {', '.join(base.features)} and has no feature in "
            f"common with {', '.join(inputs.encoding.names)} (train.transfer.model)"
        )
    old = base.network
    with torch.no_grad():
        for name, each in network.named_parameters():
            if name.startswith(("blocks.", "norm.")) or name == "entry.bias":
                each.copy_(old.get_parameter(name))
        for place, at in numbers:
            for name, each in network.numbers.named_parameters():
                each[place] = old.numbers.get_parameter(name)[at]
            _copy_columns(network, old, place, at)
        for place, at in categories:
            first = network.architecture.n_numbers, old.architecture.n_numbers
            _copy_values(network, old, inputs, base.inputs, place, at)
            _copy_columns(network, old, first[0] + place, first[1] + at)


def _copy_values(
    network: TabularNetwork, old: TabularNetwork, own: Inputs, base: Inputs, place: int, at: int
) -> None:
    """The vectors of the values that both know, and of what is missing or unknown."""
    vectors, before = network.categories, old.categories
    start, start_before = int(vectors.starts[place]), int(before.starts[at])
    known = base.encoding.features[base.categories[at]].vocabulary
    values = own.encoding.features[own.categories[place]].vocabulary
    vectors.weight[start] = before.weight[start_before]
    for code, value in enumerate(values, start=1):
        if value in known:
            vectors.weight[start + code] = before.weight[start_before + 1 + known.index(value)]


def _copy_columns(network: TabularNetwork, old: TabularNetwork, place: int, at: int) -> None:
    """What the first layer makes of one input."""
    _columns(network, place).copy_(_columns(old, at))


def _columns(network: TabularNetwork, place: int) -> Tensor:
    lengths = network.architecture.lengths
    first = sum(lengths[:place])
    return network.entry.weight[:, first : first + lengths[place]]


def _numbers(inputs: Inputs) -> list[str]:
    return [inputs.encoding.features[each].name for each in inputs.numbers]


def _categories(inputs: Inputs) -> list[str]:
    return [inputs.encoding.features[each].name for each in inputs.categories]


def _in_both(own: list[str], base: list[str]) -> list[tuple[int, int]]:
    """Where each common name stands, here and there.

    >>> _in_both(["a", "b"], ["b", "c"])
    [(1, 0)]
    """
    return [(place, base.index(name)) for place, name in enumerate(own) if name in base]


def _must_be_alike(network: TabularNetwork, base: TabularNetwork) -> None:
    differing = [
        f"{name} {getattr(network.architecture, name)} (there {getattr(base.architecture, name)})"
        for name in SHAPE
        if getattr(network.architecture, name) != getattr(base.architecture, name)
    ]
    if differing:
        raise ValueError(
            f"a network that starts from another has to have its shape, but train.parameters has "
            f"{', '.join(differing)}"
        )
