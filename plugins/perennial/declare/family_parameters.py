"""The parameters of one family, or of several side by side so that one word changes the learner."""

from __future__ import annotations

from typing import Any, get_args

from perennial.declare import lightgbm_parameters, torch_parameters
from perennial.declare.strategies import Family

CHECKS = {"lightgbm": lightgbm_parameters.mistakes, "torch": torch_parameters.mistakes}


def mistakes(family: Family, parameters: dict[str, Any], task: Any) -> list[str]:
    """What is wrong with a family's declared parameters, one sentence each."""
    return CHECKS[family](parameters, task)


def chosen(model: Any) -> Any:
    """A model's document with the parameters of the learner that it names.

    `train.parameters` may hold them as they are, or those of several families by family:

        train:
          learner: torch
          parameters:
            lightgbm: {num_leaves: 31}
            torch: {width: 96}

    All of them are checked, whichever learner is named. Raises ValueError with every mistake.

    >>> train = {"learner": "torch", "parameters": {"lightgbm": {}, "torch": {"width": 96}}}
    >>> chosen({"task": "binary", "train": train})["train"]["parameters"]
    {'width': 96}
    >>> chosen({"task": "binary", "train": {"learner": "torch", "parameters": {"width": 96}}})
    {'task': 'binary', 'train': {'learner': 'torch', 'parameters': {'width': 96}}}
    """
    train: Any = model.get("train") if isinstance(model, dict) else None
    given: Any = train.get("parameters") if isinstance(train, dict) else None
    families: tuple[Family, ...] = get_args(Family)
    if not isinstance(given, dict) or not given.keys() & set(families):
        return model
    wrong = [
        f"train.parameters.{name} stands beside {', '.join(sorted(given.keys() & set(families)))}: "
        f"declare either the learner's own parameters or families ({', '.join(families)})"
        for name in given
        if name not in families
    ]
    for family in families:
        parameters = given.get(family, {})
        if not isinstance(parameters, dict):
            wrong.append(f"train.parameters.{family} must be a mapping, got {parameters!r}")
        elif model.get("task") in ("binary", "regression"):
            told = mistakes(family, parameters, model["task"])
            wrong += [
                each.replace("train.parameters", f"train.parameters.{family}", 1) for each in told
            ]
    if wrong:
        raise ValueError("; ".join(wrong))
    learner = train.get("learner", families[0])
    return {**model, "train": {**train, "parameters": given.get(learner, {})}}
