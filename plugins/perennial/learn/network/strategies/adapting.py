"""Small adapters learn beside the champion's weights, which stay as they are (LoRA).

Hu et al. 2021, arXiv:2106.09685, by the library peft.
"""

from __future__ import annotations

import copy

from torch import Tensor

from perennial.learn.contract import Fitted, Lesson
from perennial.learn.network.adapted import AdaptedLearner, Adapter, targets_of
from perennial.learn.network.strategies.onward import Onward


def lora(lesson: Lesson) -> Fitted:
    """Adapters of `update.lora.rank` learn; the version is the base's files and theirs.

    Where the champion has adapters of that rank they go on, so that however many updates there
    are, the base is the same and only one adapter stands beside it. Adapters of another rank are
    taken into the weights first, and so is a recalibration.
    """
    given, champion = lesson.declared.update.lora, lesson.start.learner
    onward = Onward(lesson)
    adapter = None
    if isinstance(champion, AdaptedLearner) and champion.adapter.rank == given.rank:
        onward.base, adapter = champion.of, champion.adapter
        onward.network = copy.deepcopy(onward.base.network)
    names = targets_of(onward.network)
    scale = given.alpha if adapter is None else adapter.alpha
    inject(onward, names, given.rank, scale, adapter)
    learned = onward.learn(trainable=lambda name: ".lora_" in name)
    moved = Adapter(given.rank, scale, tensors_of(onward))
    learner = AdaptedLearner.finished_with(onward.base, moved, onward.data)
    return onward.fitted(learned, learner)


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
        torch.manual_seed(onward.lesson.declared.seed)
        inject_adapter_in_model(config, onward.network)
    if adapter is not None:
        set_peft_model_state_dict(onward.network, dict(adapter.tensors))


def tensors_of(onward: Onward) -> dict[str, Tensor]:
    """The adapters' own weights, by peft's names."""
    from peft import get_peft_model_state_dict

    found: dict[str, Tensor] = get_peft_model_state_dict(onward.network)
    return {name: each.detach().clone() for name, each in found.items()}
