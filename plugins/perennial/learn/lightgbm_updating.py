"""How LightGBM goes on from a champion: its leaves learn anew, or trees are added to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perennial.declare.train import Train
from perennial.learn.contract import Fitted, FloatArray, Learner, Lesson
from perennial.learn.lightgbm_boosting import Boosting, parameters_of
from perennial.learn.lightgbm_learner import LightGBMLearner
from perennial.learn.lightgbm_library import lightgbm
from perennial.learn.losses import before_and_after
from perennial.learn.recalibrated import Recalibrated


def refit(lesson: Lesson) -> Fitted:
    """The champion's trees with leaves that moved to the new labels; no split changes.

    A leaf keeps the share `update.decay` of its value; the rest comes from the new rows in it
    (none: the leaf stays). `n_rounds` is not asked: the number of trees stays.
    """
    base, evidence, declared = plain(lesson.start.learner), lesson.evidence, lesson.declared
    encoding = base.encoding
    booster = lightgbm().Booster(model_str=base.text)
    # Categories are told with the data; LightGBM refuses to be told twice.
    booster.params = parameters_of(base.task, declared)
    moved = booster.refit(
        encoding.encode(evidence.rows),
        evidence.labels,
        decay_rate=declared.update.decay,
        feature_name=[f"f{place}" for place in range(len(encoding.names))],
        categorical_feature=encoding.categories,
        dataset_params=booster.params,
        num_threads=declared.threads,
    )
    lesson.on_round(moved.num_trees())
    learner = LightGBMLearner(moved.model_to_string(), encoding, base.task, declared.threads)
    later = lesson.later or evidence
    curve = before_and_after(lesson.start.learner, learner, evidence, later)
    return Fitted(learner, moved.num_trees(), False, curve, curve.validation[-1])


def extend(lesson: Lesson) -> Fitted:
    """The champion's trees as they are, and new ones that correct them (`init_model`).

    With `later` the number of new trees is the one that is best there, at most
    `update.max_rounds`; without it there are so many that all together are `n_rounds`.
    """
    matrix = plain(lesson.start.learner).encoding.encode(lesson.evidence.rows)
    return extended(lesson, Weighted(matrix, lesson.evidence.labels, None))


@dataclass(frozen=True)
class Weighted:
    """What new trees are fitted to."""

    matrix: FloatArray
    """Shape (n, number of features)."""
    labels: FloatArray
    """Shape (n,)."""
    weights: FloatArray | None
    """Shape (n,); None: all alike."""


def extended(lesson: Lesson, taught: Weighted) -> Fitted:
    """New trees, fitted to what is `taught`, on the champion's; the curve is of the evidence."""
    champion, evidence, declared = lesson.start.learner, lesson.evidence, lesson.declared
    later = lesson.later
    base = plain(champion)
    trees = lightgbm().Booster(model_str=base.text)
    n_old = int(trees.num_trees())
    boosting = Boosting(base.encoding, parameters_of(base.task, declared), lesson.on_round, trees)
    if later is None:
        n_total = lesson.n_rounds or n_old + declared.update.max_rounds
        booster = boosting.with_rounds(
            taught.matrix, taught.labels, n_total - n_old, taught.weights
        )
        learner = _learner(booster, n_total, base, declared)
        curve = before_and_after(champion, learner, evidence, evidence)
        return Fitted(learner, n_total, False, curve, curve.validation[-1])
    booster, curve = boosting.with_stopping(
        taught.matrix, taught.labels, base.encoding.encode(later.rows), later.labels,
        max_rounds=declared.update.max_rounds, rounds=declared.stopping.rounds,
        weights=taught.weights,
    )  # fmt: skip
    n_total = max(n_old + 1, int(booster.best_iteration))
    return Fitted(
        learner=_learner(booster, n_total, base, declared),
        n_rounds=n_total,
        is_stopped_early=len(curve.validation) < declared.update.max_rounds,
        curve=curve,
        validation_loss=curve.validation[n_total - n_old - 1],
    )


def plain(champion: Learner) -> LightGBMLearner:
    """The champion as trees alone: a recalibration becomes part of their leaves.

    The raw score is the sum of the trees, so intercept + slope x sum is the sum of trees whose
    leaves are multiplied by the slope, the intercept added to the leaves of the first.
    """
    if isinstance(champion, LightGBMLearner):
        return champion
    if not isinstance(champion, Recalibrated) or not isinstance(champion.base, LightGBMLearner):
        raise ValueError(f"champion must be of the family lightgbm, got {champion.family!r}")
    base = champion.base
    booster = lightgbm().Booster(model_str=base.text)
    for place, leaves in enumerate(_leaves(booster)):
        added = champion.intercept if place == 0 else 0.0
        for leaf, value in enumerate(leaves):
            booster.set_leaf_output(place, leaf, champion.slope * value + added)
    return LightGBMLearner(booster.model_to_string(), base.encoding, base.task, base.threads)


def _leaves(booster: Any) -> list[list[float]]:
    return [
        [booster.get_leaf_output(each["tree_index"], leaf) for leaf in range(each["num_leaves"])]
        for each in booster.dump_model()["tree_info"]
    ]


def _learner(
    booster: Any, n_rounds: int, base: LightGBMLearner, declared: Train
) -> LightGBMLearner:
    text = booster.model_to_string(num_iteration=n_rounds)
    return LightGBMLearner(text, base.encoding, base.task, declared.threads)
