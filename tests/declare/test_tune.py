"""What may be searched is what a family has, within its bounds."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from perennial.declare.lightgbm_parameters import ACCEPTED
from perennial.declare.lightgbm_ranges import Trees
from perennial.declare.searched import BY_DEFAULT, FIXED, KINDS, mistakes, search_of
from perennial.declare.train import Train
from perennial.declare.tune import Tune


@pytest.mark.parametrize(
    ("family", "search", "says"),
    [
        ("lightgbm", {"num_leafs": {"low": 2, "high": 9}}, 'did you mean "num_leaves"?'),
        ("lightgbm", {"num_leaves": {"low": 1, "high": 9}}, r"low must be in \[2, 131072\], got 1"),
        ("lightgbm", {"num_leaves": {"low": 2.5, "high": 9}}, "low must be a whole number"),
        ("lightgbm", {"num_leaves": {"low": 2, "high": 9, "step": 0.5}}, "step must be a whole"),
        ("lightgbm", {"feature_fraction": {"low": 0.5, "high": 1.5}}, "high must be"),
        ("lightgbm", {"extra_trees": {"low": 0, "high": 1}}, "is no number: give choices"),
        ("lightgbm", {"extra_trees": {"choices": [0, 1]}}, "choices.0 must be true or false"),
        ("lightgbm", {"num_leaves": {"choices": [True, False]}}, "must not be true or false"),
        ("lightgbm", {"data_sample_strategy": {"choices": ["gos", "bagging"]}}, "must be one of"),
        ("lightgbm", {"objective": {"choices": ["huber", "fair"]}}, "decides what is learned"),
        ("lightgbm", {"width": {"low": 8, "high": 16}}, "no parameter that can be tuned"),
        ("torch", {"width": {"low": 2, "high": 16}}, r"low must be in \[4, 4096\], got 2"),
        ("torch", {"dropout": {"choices": [0.1, 1.0]}}, "choices.1 must be"),
        ("torch", {"num_leaves": {"low": 8, "high": 16}}, "no parameter that can be tuned"),
        ("torch", {"device": {"choices": ["cpu", "cuda"]}}, "decides where"),
        ("torch", {"width": {"low": 16, "high": 16}}, "low must be less than high"),
        ("torch", {"width": {"low": 16}}, "either low and high are needed, or choices"),
        ("torch", {"width": {"choices": [16]}}, "two or more different values"),
        ("torch", {"width": {"choices": [16, 32], "low": 4}}, "choices stand alone"),
        ("torch", {"dropout": {"low": 0, "high": 0.5, "log": True}}, "low must be more than 0"),
        ("torch", {"dropout": {"low": 0, "high": 0.5, "step": 0.2}}, "the last one is 0.4"),
        (
            "torch",
            {"dropout": {"low": 0.1, "high": 0.5, "step": 0.1, "log": True}},
            "log and step exclude each other",
        ),
        ("torch", {"dropout": {"low": 0.1, "high": float("inf")}}, "finite"),
        ("torch", {"dropout": {"low": 0.1, "hihg": 0.2}}, "hihg"),
    ],
)  # fmt: skip
def test_a_search_that_cannot_be_is_refused(family: Any, search: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Train.model_validate({"learner": family, "tune": {"search": search}})


def test_all_mistakes_are_told_at_once() -> None:
    search = {"num_leaves": {"low": 1, "high": 9}, "num_leafs": {"choices": [1, 2]}}
    assert len(mistakes("lightgbm", Tune.model_validate({"search": search}))) == 2


@pytest.mark.parametrize("field", ["folds", "days", "confirm_days", "trials", "minutes"])
def test_a_budget_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(ValidationError):
        Train.model_validate({"tune": {field: 0}})


@pytest.mark.parametrize("family", ["lightgbm", "torch"])
def test_the_default_search_is_one_that_may_be_declared(family: Any) -> None:
    searched = search_of(family, Tune())
    assert searched == BY_DEFAULT[family]
    assert mistakes(family, Tune(search=searched)) == []


def test_what_is_accepted_is_known_with_its_bounds() -> None:
    assert set(Trees.model_fields) | set(FIXED["lightgbm"]) == set(ACCEPTED)
    assert set(FIXED["torch"]) < set(KINDS["torch"].model_fields)


def test_the_defaults_are_lightgbm_s_own() -> None:
    import lightgbm

    data = lightgbm.Dataset(np.random.default_rng(0).random((60, 2)), np.arange(60) % 2)
    text = lightgbm.train({"objective": "binary", "verbosity": -1}, data, 1).model_to_string()
    written = dict(re.findall(r"^\[(\w+): (.*)\]$", text, re.M))
    for name, field in Trees.model_fields.items():
        if name in written:
            told = written[name]
            is_text = isinstance(field.default, str)
            assert told == field.default if is_text else float(told) == float(field.default), name
    assert len(set(written) & set(Trees.model_fields)) > 30
