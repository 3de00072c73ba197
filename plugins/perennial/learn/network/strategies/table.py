"""The stateful strategies of a network, by name."""

from __future__ import annotations

from perennial.learn import with_past
from perennial.learn.contract import Way
from perennial.learn.network.strategies import elastic
from perennial.learn.network.strategies.adapting import lora
from perennial.learn.network.strategies.distilling import distill
from perennial.learn.network.strategies.elastic import ewc
from perennial.learn.network.strategies.finetuning import finetune
from perennial.learn.network.strategies.growing import grow
from perennial.learn.network.strategies.shrinking import shrink_and_perturb

WAYS: dict[str, Way] = {
    "finetune": Way(finetune),
    "rehearsal": with_past.rehearsal(finetune),
    "generative_replay": with_past.replay(finetune),
    "distill": Way(distill),
    "ewc": Way(ewc, elastic.remember),
    "lora": Way(lora),
    "grow": Way(grow),
    "shrink_and_perturb": Way(shrink_and_perturb),
}
