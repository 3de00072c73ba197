"""The strategies of continual learning by name: what each is, and which family has it."""

from __future__ import annotations

from typing import Literal

Family = Literal["lightgbm", "torch"]
Stateless = Literal["full", "window"]
Stateful = Literal[
    "finetune", "refit", "extend", "rehearsal", "generative_replay", "distill", "ewc", "lora",
    "grow", "shrink_and_perturb",
]  # fmt: skip
Kind = Literal["stateless", "stateful", "recalibrate"]
Strategy = Literal[Stateless, Stateful, Kind, "transfer", "combined"]

FROM_SCRATCH: tuple[Strategy, ...] = ("stateless", "full", "window", "transfer")
"""Those that never go on from what serves."""

MEANING: dict[Strategy, str] = {
    "stateless": "from scratch, on the declared window or all history",
    "stateful": "what serves goes on, by whichever of update.ways does best on held-out days",
    "recalibrate": "only the level of its answers is fitted anew",
    "full": "from scratch on all history",
    "window": "from scratch on the last days",
    "finetune": "its weights go on moving on new days",
    "refit": "its trees stay and their leaves learn anew",
    "extend": "its trees stay and new ones correct them",
    "rehearsal": "new days mixed with real rows of the past, kept in a reservoir",
    "generative_replay": "new days mixed with rows that a fitted generator makes up",
    "distill": "new days, while its own answers teach as well",
    "ewc": "new days, while weights that mattered before are held in place",
    "lora": "its weights stay, and small adapters beside them learn",
    "grow": "its network gets another block, which changes nothing at first",
    "shrink_and_perturb": "its weights shrink and are shaken before they go on",
    "transfer": "from what another model has learned",
    "combined": "from scratch now and then, stateful in between",
}
"""Each strategy in a few words, as forms and errors tell it."""

WAYS: dict[Family, tuple[Stateful, ...]] = {
    "lightgbm": ("refit", "extend", "rehearsal", "generative_replay", "distill"),
    "torch": (
        "finetune", "rehearsal", "generative_replay", "distill", "ewc", "lora", "grow",
        "shrink_and_perturb",
    ),
}  # fmt: skip
"""The stateful strategies that each family has."""

BY_DEFAULT: dict[Family, tuple[Stateful, ...]] = {
    "lightgbm": ("refit", "extend"),
    "torch": ("finetune",),
}
"""Those that an update tries where none are declared."""

TRANSFERS: tuple[Family, ...] = ("torch",)
"""Families that can start from another model."""

_NOT: dict[Family, str] = {
    "lightgbm": "trees have no weights that could move little by little or be held in place",
    "torch": "a network has no trees",
}


def refusal(family: Family, strategy: str) -> str:
    """Why a family cannot learn by a strategy; empty when it can.

    >>> refusal("lightgbm", "extend")
    ''
    >>> refusal("torch", "refit")[:53]
    'the learner torch has no strategy refit: a network ha'
    """
    if strategy not in MEANING or _has(family, strategy):
        return ""
    there = [each for each in MEANING if _has(family, each)]
    return (
        f"the learner {family} has no strategy {strategy}: {_NOT[family]} "
        f"(it has {', '.join(there)})"
    )


def _has(family: Family, strategy: str) -> bool:
    if strategy == "transfer":
        return family in TRANSFERS
    return strategy in WAYS[family] or strategy not in (*WAYS["lightgbm"], *WAYS["torch"])
