"""LightGBM's own text as plain numbers: what a generator of code or graphs reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from perennial.learn.variants.making import NotPossibleError

IDENTITY = ("regression", "regression_l1", "huber", "fair")
LOGISTIC = ("binary", "cross_entropy")
KINDS: tuple[Literal["none", "zero", "nan"], ...] = ("none", "zero", "nan")

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Split:
    """One question of a tree. A child at or above 0 is another split, ~child is a leaf."""

    feature: int
    left: int
    right: int
    threshold: float
    """Values at or below it go left (not asked for categories)."""
    categories: tuple[int, ...] | None
    """The category codes that go left; None for a number."""
    missing: Literal["none", "zero", "nan"]
    """What counts as missing: nothing (NaN is 0 then), 0 and NaN, or NaN."""
    is_missing_left: bool


@dataclass(frozen=True)
class Tree:
    """Its splits, the root first, and its leaves' values; one leaf and no split is a constant."""

    splits: tuple[Split, ...]
    leaves: tuple[float, ...]


@dataclass(frozen=True)
class Forest:
    """Trees whose values add up, in this order, to the raw score."""

    trees: tuple[Tree, ...]
    n_features: int
    is_logistic: bool
    """Whether the answer is the logistic function of the raw score, or the score itself."""

    @property
    def categories(self) -> tuple[int, ...]:
        """The features that any split asks for a category."""
        asked = (
            split.feature
            for tree in self.trees
            for split in tree.splits
            if split.categories is not None
        )
        return tuple(sorted(set(asked)))


def read_forest(text: str) -> Forest:
    """The forest that LightGBM's text holds.

    Raises NotPossibleError for what the generators do not know: several classes, averaged or
    linear trees, an objective with a transformation of its own.
    """
    head, *trees = text.split("end of trees")[0].split("\nTree=")
    facts = _facts(head)
    objective, *options = facts.get("objective", "").split()
    if facts.get("num_class") != "1" or facts.get("num_tree_per_iteration") != "1":
        raise NotPossibleError("it has several classes; only one answer a row is known here")
    if "average_output" in head:
        raise NotPossibleError("its trees are averaged, not added")
    if objective not in (*IDENTITY, *LOGISTIC) or options not in ([], ["sigmoid:1"]):
        raise NotPossibleError(
            f"its objective is {facts.get('objective', '')!r}; known are "
            f"{', '.join((*LOGISTIC, *IDENTITY))} without options"
        )
    return Forest(
        trees=tuple(_tree(_facts(each)) for each in trees),
        n_features=int(facts["max_feature_idx"]) + 1,
        is_logistic=objective in LOGISTIC,
    )


def _facts(lines: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in lines.splitlines())}


def _tree(facts: dict[str, str]) -> Tree:
    if facts.get("is_linear", "0") != "0":
        raise NotPossibleError("its leaves hold linear models")
    leaves = tuple(_numbers(facts, "leaf_value", float))
    bounds, words = _numbers(facts, "cat_boundaries", int), _numbers(facts, "cat_threshold", int)
    asked = zip(
        _numbers(facts, "split_feature", int),
        _numbers(facts, "left_child", int),
        _numbers(facts, "right_child", int),
        _numbers(facts, "threshold", float),
        _numbers(facts, "decision_type", int),
        strict=True,
    )
    return Tree(tuple(_split(*each, bounds, words) for each in asked), leaves)


def _split(
    feature: int, left: int, right: int, threshold: float, kind: int, bounds: list[int],
    words: list[int],
) -> Split:  # fmt: skip
    """Bit 0 of `kind`: a category; bit 1: missing goes left; bits 2 and 3: what is missing."""
    if not kind & 1:
        return Split(feature, left, right, threshold, None, KINDS[kind >> 2 & 3], bool(kind & 2))
    place = int(threshold)  # of a category: which of the bit sets
    members = tuple(
        32 * at + bit
        for at, word in enumerate(words[bounds[place] : bounds[place + 1]])
        for bit in range(32)
        if word >> bit & 1
    )
    return Split(feature, left, right, 0.0, members, "nan", is_missing_left=False)


def _numbers(facts: dict[str, str], name: str, kind: Callable[[str], Number]) -> list[Number]:
    return [kind(each) for each in facts.get(name, "").split()]
