"""Smaller forms of a network: rounded, with fewer units, a student of it, adapters taken in."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn
from torch.nn.utils import parametrize

from perennial.learn.contract import Evidence, Learner, OnRound
from perennial.learn.held_out import held_out, part
from perennial.learn.network.adapted import AdaptedLearner
from perennial.learn.network.architecture import TabularNetwork, fresh
from perennial.learn.network.layers import Block
from perennial.learn.network.learner import NetworkLearner
from perennial.learn.network.objectives import Objective, label_loss
from perennial.learn.network.quantized import QuantizedLearner, is_large, rounded
from perennial.learn.network.strategies.distilling import TEACHER, taught_loss
from perennial.learn.network.strategies.onward import Onward, plain
from perennial.learn.network.torch_library import torch
from perennial.learn.variants.making import Making, NotPossibleError

TAUGHT = 0.9
"""How much a teacher's answers weigh beside the labels when a form of it recovers."""


def merge(original: Learner, making: Making) -> NetworkLearner:
    """The adapters taken into the weights: one file instead of two, the same answers."""
    if not isinstance(original, AdaptedLearner):
        raise NotPossibleError("it has no adapters that could be taken into its weights")
    return _again(original)


def quantize(original: Learner, making: Making) -> QuantizedLearner:
    """The large weights rounded to eight bits, as they are (post-training quantization)."""
    return QuantizedLearner.of(_network(original))


def quantization_aware(original: Learner, making: Making) -> QuantizedLearner:
    """The same after a few epochs in which the network answers by rounded weights.

    The gradient passes the rounding as if it were not there (straight through; Bengio, Leonard
    and Courville 2013, arXiv:1308.3432), so that the weights move to where rounding costs least.
    """
    onward, later = _onward(original, making)
    rounding = _Rounding()
    places = [
        (module, name)
        for at, module in onward.network.named_modules()
        for name, each in list(module.named_parameters(recurse=False))
        if is_large(f"{at}.{name}", each)
    ]
    for module, name in places:
        parametrize.register_parametrization(module, name, rounding)
    _recover(onward, later, making)
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
    found = None
    for share in making.declared.pruned.shares:
        onward, later = _onward(original, making)
        onward.network = with_fewer_units(onward.network, share)
        _recover(onward, later, making)
        smaller = onward.finished()
        if not making.is_as_good(smaller):
            break
        found = smaller
    if found is None:
        share = making.declared.pruned.shares[0]
        raise NotPossibleError(
            f"{share:.0%} of its units already lose more than max_metric_drop "
            f"{making.declared.max_metric_drop:g}, or may"
        )
    return found


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
    onward, later = _onward(original, making)
    given, shape = making.declared.distilled, onward.network.architecture
    student = shape.model_copy(
        update={
            "width": max(4, round(given.width_share * shape.width)),
            "blocks": min(given.blocks, shape.blocks),
            "inner": (),
        }
    )
    onward.network = fresh(student, making.train.seed)
    settings = {"epochs": given.epochs, "learning_rate": given.student_learning_rate}
    declared = making.train.update.model_copy(update=settings)
    onward.declared = making.train.model_copy(update={"update": declared})
    _taught(onward, later, onward.declared.update.epochs)
    return onward.finished()


def _onward(original: Learner, making: Making) -> tuple[Onward, Evidence]:
    """A copy of the original on the newest rows that it learned from, and those held out.

    Held out are the last `train.stopping.days`, to stop by; what is chosen is chosen on days that
    nobody learned from.
    """
    evidence, declared = making.learned(), making.declared
    n = evidence.labels.size
    newest = slice(max(0, n - declared.distilled.max_rows), n)
    rows = Evidence(
        evidence.rows.slice(newest.start), evidence.labels[newest], evidence.days[newest]
    )
    is_held_out = held_out(rows.days, making.train.stopping.days)
    update = making.train.update.model_copy(
        update={
            "epochs": declared.recovery.epochs,
            "learning_rate": declared.recovery.learning_rate,
        }
    )
    train = making.train.model_copy(update={"update": update})
    return Onward(_network(original), part(rows, ~is_held_out), train), part(rows, is_held_out)


def _recover(onward: Onward, later: Evidence, making: Making) -> None:
    _taught(onward, later, making.declared.recovery.epochs)


def _taught(onward: Onward, later: Evidence, n_epochs: int) -> None:
    """Let the network learn the original's answers, and a little of the labels."""
    base = onward.base
    said = base.level.targets(base.raw_scores(onward.evidence.rows))
    teacher = torch.from_numpy(said).to(torch.float32)
    onward.data = replace(onward.data, more={TEACHER: teacher})
    objective = Objective(taught_loss(base.task, TAUGHT, 1.0), judged=label_loss(base.task))
    nobody: OnRound = _nobody
    nowhere: Path | None = None
    onward.learn(nobody, later, n_epochs, nowhere, objective=objective)


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
