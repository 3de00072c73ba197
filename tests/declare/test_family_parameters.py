from __future__ import annotations

from typing import Any

import pytest

from perennial.declare.family_parameters import chosen


def document(learner: str | None, parameters: Any) -> dict[str, Any]:
    named = {} if learner is None else {"learner": learner}
    return {"task": "binary", "train": {**named, "parameters": parameters}}


BOTH = {"lightgbm": {"num_leaves": 31}, "torch": {"width": 96}}


@pytest.mark.parametrize(
    ("learner", "found"),
    [("lightgbm", {"num_leaves": 31}), ("torch", {"width": 96}), (None, {"num_leaves": 31})],
)
def test_one_word_changes_the_learner(learner: str | None, found: dict[str, Any]) -> None:
    assert chosen(document(learner, BOTH))["train"]["parameters"] == found


def test_a_learner_without_parameters_has_its_defaults() -> None:
    document_of_trees = document("torch", {"lightgbm": {"num_leaves": 31}})
    assert chosen(document_of_trees)["train"]["parameters"] == {}


def test_the_parameters_of_the_other_learner_are_checked_too() -> None:
    wrong = {"lightgbm": {"num_leafs": 31}, "torch": {"width": 3, "depth": 2}}
    with pytest.raises(ValueError, match=r"train\.parameters\.lightgbm\.num_leafs") as told:
        chosen(document("torch", wrong))
    assert "train.parameters.torch.width must be in [4, 4096], got 3" in str(told.value)
    assert "train.parameters.torch.depth is not a known field" in str(told.value)


def test_parameters_beside_families_are_refused() -> None:
    with pytest.raises(ValueError, match="num_leaves stands beside torch"):
        chosen(document("torch", {"torch": {}, "num_leaves": 31}))


def test_a_family_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(ValueError, match=r"train\.parameters\.torch must be a mapping, got 3"):
        chosen(document("torch", {"torch": 3}))
    with pytest.raises(ValueError, match=r"train\.parameters\.torch must be a mapping, got None"):
        chosen(document("torch", {"torch": None}))


@pytest.mark.parametrize("strange", [None, [], "x", {"train": None}, {"train": {"parameters": 1}}])
def test_what_is_no_model_is_left_to_the_fields(strange: Any) -> None:
    assert chosen(strange) == strange
