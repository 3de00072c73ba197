"""Smaller forms of a network: rounded, with fewer units, a student of it, adapters taken in."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import Tensor, nn
from torch.nn.utils import parametrize

from perennial.learn.contract import Evidence, Learner, Lesson, Start
from perennial.learn.network.adapted import AdaptedLearner
from perennial.learn.network.architecture import TabularNetwork, fresh
from perennial.learn.network.layers import Block, Dropout
from perennial.learn.network.learner import NetworkLearner
from perennial.learn.network.objectives import Objective
from perennial.learn.network.quantized import QuantizedLearner, is_large, rounded
from perennial.learn.network.strategies.distilling import TEACHER, taught_loss
from perennial.learn.network.strategies.onward import Onward, plain
from perennial.learn.network.torch_library import torch
from perennial.learn.variants.making import Making, NotPossibleError, smallest_as_good

TAUGHT = 1.0
"""How much a teacher's answers weigh when a form of it recovers: alone. It is to answer as the
original does, and even a tenth of the labels moves it by more than the rounding or the cut."""


def merge(original: Learner, making: Making) -> NetworkLearner:
    """The adapters taken into the weights: one file instead of two, the same answers."""
    if not isinstance(original, AdaptedLearner):
        raise NotPossibleError("it has no adapters that could be taken into its weights")
    return _again(original)


def quantize(original: Learner, making: Making) -> QuantizedLearner:
    """The large weights rounded to eight bits, as they are (post-training quantization)."""
    return QuantizedLearner.of(_again(_network(original)))


def quantization_aware(original: Learner, making: Making) -> QuantizedLearner:
    """The same after a few epochs in which the network answers by rounded weights.

    The gradient passes the rounding as if it were not there (straight through; Bengio, Leonard
    and Courville 2013, arXiv:1308.3432), so that the weights move to where rounding costs least.
    """
    onward = _onward(original, making)
    rounding = _Rounding()
    places = [
        (module, name)
        for at, module in onward.network.named_modules()
        for name, each in list(module.named_parameters(recurse=False))
        if is_large(f"{at}.{name}", each)
    ]
    for module, name in places:
        parametrize.register_parametrization(module, name, rounding)
    _taught(onward)
    for module, name in places:
        parametrize.remove_parametrizations(module, name, leave_parametrized=True)
    return QuantizedLearner.of(onward.finished())


class _Rounding(nn.Module):
    """Weights as their whole numbers would give them back; the gradient passes through."""

    def forward(self, weights: Tensor) -> Tensor:
        whole, scale = rounded(weights.detach())
        return weights + (whole.float() * scale - weights).detach()


def prune(original: Learner, making: Making) -> NetworkLearner:
    """Fewer units in every block, as few as the held-out days allow (structured pruning).

    A unit counts by the length of what goes in times that of what comes out. After each cut the
    network recovers for a few epochs, taught by the original. The declared shares are tried from
    the largest down, and the first that loses too much ends it.
    """

    def smaller(share: float) -> NetworkLearner:
        onward = _onward(original, making)
        onward.network = with_fewer_units(onward.network, share)
        _taught(onward)
        return onward.finished()

    return smallest_as_good(making, making.declared.pruned.shares, smaller, "its units")


def with_fewer_units(network: TabularNetwork, share: float) -> TabularNetwork:
    """A network whose blocks keep that share of their units, those that count most."""
    shape = network.architecture
    kept = [_counting(block, share) for block in network.blocks if isinstance(block, Block)]
    inner = tuple(int(each.numel()) for each in kept)
    smaller = fresh(shape.model_copy(update={"inner": inner}), seed=0)
    state = network.state_dict()
    for place, units in enumerate(kept):
        before = f"blocks.{place}"
        for name in ("inner.weight", "inner.bias"):
            state[f"{before}.{name}"] = state[f"{before}.{name}"][units]
        state[f"{before}.outer.weight"] = state[f"{before}.outer.weight"][:, units]
    smaller.load_state_dict(state)
    return smaller


def _counting(block: Block, share: float) -> Tensor:
    """Which of a block's units stay, in their order."""
    worth = block.inner.weight.norm(dim=1) * block.outer.weight.norm(dim=0)
    n = max(1, round(share * worth.numel()))
    kept: Tensor = worth.topk(n).indices.sort().values
    return kept


def distill(original: Learner, making: Making) -> NetworkLearner:
    """A narrower network with fewer blocks that learned what the original answers.

    Hinton, Vinyals and Dean 2015, arXiv:1503.02531.
    """
    given = making.declared.distilled
    onward = _onward(original, making, given.epochs, given.student_learning_rate)
    shape = onward.network.architecture
    student = shape.model_copy(
        update={
            "width": max(4, round(given.width_share * shape.width)),
            "blocks": min(given.blocks, shape.blocks),
            "inner": (),
        }
    )
    onward.network = fresh(student, making.train.seed)
    _taught(onward)
    return onward.finished()


def _onward(
    original: Learner, making: Making, epochs: int | None = None, rate: float | None = None
) -> Onward:
    """A copy of the original on the newest rows that it learned from.

    It learns for all of the epochs: a teacher's answers are not learned by heart, and the days that
    the original learned from could not tell when it is enough. Epochs and rate are those of
    `recovery` unless given.
    """
    evidence, declared = making.learned(), making.declared
    first = max(0, evidence.labels.size - declared.distilled.max_rows)
    rows = Evidence(evidence.rows.slice(first), evidence.labels[first:], evidence.days[first:])
    n_epochs = epochs or declared.recovery.epochs
    changed = {
        "epochs": n_epochs,
        "learning_rate": rate or declared.recovery.learning_rate,
    }
    train = making.train.model_copy(
        update={"update": making.train.update.model_copy(update=changed)}
    )
    return Onward(Lesson(Start(_network(original)), rows, train, _nobody, n_rounds=n_epochs))


def _taught(onward: Onward) -> None:
    """Let the network learn the original's answers."""
    base = onward.base
    said = base.level.targets(base.raw_scores(onward.lesson.evidence.rows))
    teacher = torch.from_numpy(said).to(torch.float32)
    onward.data = replace(onward.data, more={TEACHER: teacher})
    with _nothing_left_out(onward.network):
        onward.learn(objective=Objective(taught_loss(base.task, TAUGHT, 1.0)))


@contextmanager
def _nothing_left_out(network: TabularNetwork) -> Iterator[None]:
    """Without dropout and without hidden inputs meanwhile.

    They keep a network from learning single labels by heart. A teacher's answers have no such luck
    in them, and a network that leaves things out can only come near to them.
    """
    places = [each for each in network.modules() if isinstance(each, Dropout)]
    before = [each.share for each in places]
    try:
        for each in places:
            each.share = 0.0
        yield
    finally:
        for each, share in zip(places, before, strict=True):
            each.share = share


def _nobody(n_rounds: int) -> None:
    """The progress of a variant is told as a whole."""


def _network(original: Learner) -> NetworkLearner:
    if not isinstance(original, NetworkLearner):
        raise NotPossibleError(f"it is no network but of {original.family}")
    return plain(original)


def _again(learner: NetworkLearner) -> NetworkLearner:
    """A plain learner of the network as it answers."""
    return NetworkLearner(
        copy.deepcopy(learner.network), learner.inputs, learner.level, learner.task,
        learner.base, learner.shares, learner.threads,
    )  # fmt: skip
