"""Which parameters of a family can be searched, and what is wrong with a declared search."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from perennial.declare.lightgbm_ranges import Trees
from perennial.declare.reading import nearest, sentences
from perennial.declare.strategies import Family
from perennial.declare.torch_parameters import Network
from perennial.declare.tune import Search, Tune

KINDS: dict[Family, type[BaseModel]] = {"lightgbm": Trees, "torch": Network}
"""Per family its parameters with their bounds and defaults."""

FIXED: dict[Family, dict[str, str]] = {
    "lightgbm": dict.fromkeys(
        ("objective", "boosting"), "decides what is learned, not how well: declare it"
    ),
    "torch": dict.fromkeys(
        ("device", "accumulate"), "decides where and in which parts it is computed, not how well"
    ),
}
"""What a family accepts, and yet is nothing to tune."""

BY_DEFAULT: dict[Family, dict[str, Search]] = {
    "lightgbm": {
        "learning_rate": Search(low=0.01, high=0.2, log=True),
        "num_leaves": Search(low=7, high=127, log=True),
        "min_data_in_leaf": Search(low=10, high=500, log=True),
        "feature_fraction": Search(low=0.3, high=1.0),
        "lambda_l2": Search(low=0.01, high=100.0, log=True),
    },
    "torch": {
        "width": Search(low=32, high=256, log=True),
        "blocks": Search(low=1, high=4),
        "dropout": Search(low=0.0, high=0.6),
        "learning_rate": Search(low=3e-4, high=5e-3, log=True),
        "weight_decay": Search(low=1e-4, high=1.0, log=True),
    },
}
"""Where a family is searched when nothing is declared."""


def search_of(family: Family, tune: Tune) -> dict[str, Search]:
    """Where each parameter is looked for, by name; sorted, so that its order tells nothing."""
    return dict(sorted((tune.search or BY_DEFAULT[family]).items()))


def is_whole(family: Family, name: str) -> bool:
    """Whether a parameter is a whole number."""
    return KINDS[family].model_fields[name].annotation is int


def start_of(family: Family, parameters: dict[str, Any], name: str) -> Any:
    """What a parameter is before any search: as declared, else as the family has it."""
    return parameters.get(name, KINDS[family].model_fields[name].default)


def mistakes(family: Family, tune: Tune) -> list[str]:
    """What is wrong with a declared search, one sentence each.

    >>> mistakes("torch", Tune(search={"width": Search(low=2, high=64)}))
    ['train.tune.search.width.low must be in [4, 4096], got 2']
    >>> mistakes("lightgbm", Tune(search={"num_leafs": Search(choices=(7, 15))}))
    ['train.tune.search.num_leafs is no parameter that can be tuned, did you mean "num_leaves"?']
    """
    return [told for name, each in tune.search.items() for told in _of_one(family, name, each)]


def _of_one(family: Family, name: str, search: Search) -> list[str]:
    path, kind = f"train.tune.search.{name}", KINDS[family]
    if why := FIXED[family].get(name):
        return [f"{path}: {name} {why} in train.parameters"]
    if name not in kind.model_fields:
        return [f"{path} is no parameter that can be tuned{nearest(name, kind.model_fields)}"]
    if not search.choices and kind.model_fields[name].annotation not in (int, float):
        return [f"{path} is no number: give choices instead of low and high"]
    values: dict[str, Any] = {f"choices.{n}": value for n, value in enumerate(search.choices)}
    values = values or {"low": _plain(search.low), "high": _plain(search.high)}
    if search.step is not None and is_whole(family, name) and search.step != int(search.step):
        return [f"{path}.step must be a whole number, got {search.step:g}"]
    return [told for at, value in values.items() for told in _value(kind, name, value, path, at)]


def _value(kind: type[BaseModel], name: str, value: Any, path: str, at: str) -> list[str]:
    is_switch = kind.model_fields[name].annotation is bool
    if isinstance(value, bool) != is_switch:  # else a 1 would pass for true, and true for 1
        return [f"{path}.{at} must {'be' if is_switch else 'not be'} true or false, got {value!r}"]
    try:
        kind.model_validate({name: value})
    except ValidationError as error:
        return [f"{path}.{at}{each.removeprefix(name)}" for each in sentences(error, kind)]
    return []


def _plain(value: float | None) -> Any:
    """A whole number as such, so that messages show it as it was written."""
    return int(value) if value is not None and value == int(value) else value
