"""Fewer trees: the first ones of the original, or a small forest that learned its answers."""

from __future__ import annotations

from typing import Any

from perennial.learn.contract import Learner
from perennial.learn.lightgbm_boosting import Boosting, parameters_of
from perennial.learn.lightgbm_learner import LightGBMLearner
from perennial.learn.lightgbm_library import lightgbm
from perennial.learn.variants.making import Making, smallest_as_good
from perennial.learn.variants.tree_forms import trees_of

TAUGHT = {"binary": "cross_entropy", "regression": "regression"}
"""The objective that learns probabilities, or numbers, instead of what happened."""


def prune(original: Learner, making: Making) -> LightGBMLearner:
    """The first trees of the original, as few as the held-out days allow.

    The declared shares are tried from the largest down, and the first that loses too much ends it.
    So however many are tried, the risk of taking one that is really worse stays that of a single
    test (a fixed sequence; Maurer, Hothorn and Lehmacher 1995).
    """
    trees = trees_of(original)
    booster = lightgbm().Booster(model_str=trees.text)
    n_trees = int(booster.num_trees())

    def first(share: float) -> LightGBMLearner:
        text = booster.model_to_string(num_iteration=max(1, round(share * n_trees)))
        return LightGBMLearner(text, trees.encoding, trees.task, trees.threads)

    fewer = [share for share in making.declared.pruned.shares if round(share * n_trees) < n_trees]
    return smallest_as_good(making, fewer, first, f"its {n_trees} trees")


def distill(original: Learner, making: Making) -> LightGBMLearner:
    """A smaller forest that learned what the original answers, from its newest rows.

    An answer tells more than an outcome: how sure the original is, without the noise.
    Hinton, Vinyals and Dean (2015), arXiv:1503.02531.
    """
    trees, declared = trees_of(original), making.declared.distilled
    evidence = making.learned()
    rows = _newest(evidence.rows, declared.max_rows)
    matrix = trees.encoding.encode(rows)
    parameters: dict[str, Any] = {
        **parameters_of(trees.task, making.train),
        "objective": TAUGHT[trees.task],
        "num_leaves": declared.num_leaves,
        "learning_rate": declared.learning_rate,
    }
    boosting = Boosting(trees.encoding, parameters, on_round=lambda n: None)
    booster = boosting.with_rounds(matrix, trees.predict(rows), declared.n_trees)
    text = booster.model_to_string(num_iteration=declared.n_trees)
    return LightGBMLearner(text, trees.encoding, trees.task, trees.threads)


def _newest(table: Any, n_rows: int) -> Any:
    return table.slice(max(0, table.num_rows - n_rows))
