"""Weights become smaller and are shaken before they go on, so that they learn as well as new ones.

Shrink and perturb (Ash and Adams 2020, arXiv:1910.08475): weights that were trained before learn
worse from new rows than fresh ones do, and this takes most of the difference away.
"""

from __future__ import annotations

from torch import nn

from perennial.learn.contract import Fitted, Lesson
from perennial.learn.network.architecture import TabularNetwork, fresh
from perennial.learn.network.strategies.onward import Onward
from perennial.learn.network.torch_library import torch


def shrink_and_perturb(lesson: Lesson) -> Fitted:
    """The champion's weights x shrink + fresh ones x noise, and then all of them learn."""
    onward = Onward(lesson)
    given = lesson.declared.update.shrink_and_perturb
    shake(onward.network, given.shrink, given.noise, lesson.declared.seed)
    learned = onward.learn()
    return onward.fitted(learned)


def shake(network: TabularNetwork, shrink: float, noise: float, seed: int) -> None:
    """Change a network's weights in place; norms and the level of its answers stay."""
    drawn = dict(fresh(network.architecture, seed).named_parameters())
    norms = {
        f"{name}.{part}"
        for name, each in network.named_modules()
        if isinstance(each, nn.LayerNorm)
        for part, _ in each.named_parameters()
    }
    with torch.no_grad():
        for name, each in network.named_parameters():
            if name not in norms and name != "head.bias":
                each.mul_(shrink).add_(drawn[name], alpha=noise)
