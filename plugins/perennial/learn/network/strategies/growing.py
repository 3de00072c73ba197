"""The network gets another block, which changes nothing at first, and all of it learns.

Function-preserving growth as in Net2Net (Chen, Goodfellow and Shlens 2016, arXiv:1511.05641): the
new block adds what its last layer makes, and that layer starts as zero.
"""

from __future__ import annotations

from perennial.errors import NotEnoughEvidenceError
from perennial.learn.contract import Fitted, Lesson
from perennial.learn.network.architecture import TabularNetwork, fresh
from perennial.learn.network.layers import Block
from perennial.learn.network.strategies.onward import Onward
from perennial.learn.network.torch_library import torch


def grow(lesson: Lesson) -> Fitted:
    """One block more than the champion has; NotEnoughEvidenceError when it has the most."""
    onward = Onward(lesson)
    declared, n_blocks = lesson.declared, onward.network.architecture.blocks
    if n_blocks >= declared.update.grow.max_blocks:
        raise NotEnoughEvidenceError(
            f"strategy grow has made {n_blocks} blocks, and train.update.grow.max_blocks is "
            f"{declared.update.grow.max_blocks}; retrain, or use another strategy"
        )
    onward.network = with_another_block(onward.network, declared.seed)
    learned = onward.learn()
    return onward.fitted(learned)


def with_another_block(network: TabularNetwork, seed: int) -> TabularNetwork:
    """A network with one block more that answers exactly as this one does."""
    shape = network.architecture
    inner = (*shape.inner, shape.width) if shape.inner else ()
    larger = shape.model_copy(update={"blocks": shape.blocks + 1, "inner": inner})
    grown = fresh(larger, seed + larger.blocks)
    with torch.no_grad():
        # What is there already takes its place; only the new block is left as it was drawn.
        grown.load_state_dict({**grown.state_dict(), **network.state_dict()})
        newest = grown.blocks[-1]
        assert isinstance(newest, Block)
        newest.outer.weight.zero_()
        newest.outer.bias.zero_()
    return grown
