"""Small adapters learn beside the champion's weights, which stay as they are (LoRA).

Hu et al. 2021, arXiv:2106.09685, by the library peft.
"""

from __future__ import annotations

import copy
from pathlib import Path

from torch import Tensor

from perennial.declare.train import Train
from perennial.learn.contract import Evidence, Fitted, OnRound, Start
from perennial.learn.network.adapted import AdaptedLearner, Adapter, targets_of
from perennial.learn.network.strategies.onward import Onward


def lora(
    start: Start,
    evidence: Evidence,
    declared: Train,
    on_round: OnRound,
    later: Evidence | None = None,
    n_rounds: int | None = None,
    checkpoint: Path | None = None,
) -> Fitted:
    """Adapters of `update.lora.rank` learn; the version is the base's files and theirs.

    Where the champion has adapters of that rank they go on, so that however many updates there
    are, the base is the same and only one adapter stands beside it. Adapters of another rank are
    taken into the weights first, and so is a recalibration.
    """
    given = declared.update.lora
    onward = Onward(start.learner, evidence, declared)
    adapter = None
    if isinstance(start.learner, AdaptedLearner) and start.learner.adapter.rank == given.rank:
        onward.base, adapter = start.learner.of, start.learner.adapter
        onward.network = copy.deepcopy(onward.base.network)
    names = targets_of(onward.network)
    scale = given.alpha if adapter is None else adapter.alpha
    inject(onward, names, given.rank, scale, adapter)
    learned = onward.learn(
        on_round, later, n_rounds, checkpoint, trainable=lambda name: ".lora_" in name
    )
    moved = Adapter(given.rank, scale, tensors_of(onward))
    learner = AdaptedLearner.finished_with(onward.base, moved, onward.data)
    return onward.fitted(learned, later, learner)


def inject(
    onward: Onward, names: list[str], rank: int, alpha: float, adapter: Adapter | None
) -> None:
    """Put adapters beside the named layers; fresh ones change no answer."""
    from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict

    from perennial.learn.network.torch_library import torch

    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]  # any number will do
        target_modules=names,
        lora_dropout=0.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(onward.declared.seed)
        inject_adapter_in_model(config, onward.network)
    if adapter is not None:
        set_peft_model_state_dict(onward.network, dict(adapter.tensors))


def tensors_of(onward: Onward) -> dict[str, Tensor]:
    """The adapters' own weights, by peft's names."""
    from peft import get_peft_model_state_dict

    found: dict[str, Tensor] = get_peft_model_state_dict(onward.network)
    return {name: each.detach().clone() for name, each in found.items()}
