"""Trees that learn from labels and from what the champion says of the same rows.

Learning without forgetting (Li and Hoiem 2016, arXiv:1606.09282): where new labels say nothing else
the old answers hold.
"""

from __future__ import annotations

import numpy as np

from perennial.declare.model import Task
from perennial.learn.contract import Fitted, FloatArray, Lesson
from perennial.learn.lightgbm_updating import Weighted, extended, plain


def distill(lesson: Lesson) -> Fitted:
    """New trees on the champion's, fitted to labels and its answers together."""
    base, evidence = plain(lesson.start.learner), lesson.evidence
    weight = lesson.declared.update.distill.weight
    raw = base.raw_scores(evidence.rows)
    targets = mixed(base.task, evidence.labels, raw, weight)
    matrix = base.encoding.encode(evidence.rows)
    taught = as_weighted(base.task, matrix, targets)
    return extended(lesson, taught)


def mixed(task: Task, labels: FloatArray, raw: FloatArray, weight: float) -> FloatArray:
    """What is to be learned (n,): (1 - weight) x label + weight x the teacher's answer.

    With log loss the gradient of a mixture of targets is the mixture of the gradients, and so it
    is with squared loss. The answer is not softened: a student whose own answers are not softened
    too would learn to be as unsure as that.

    >>> mixed("binary", np.array([1.0]), np.array([0.0]), weight=0.5)
    array([0.75])
    """
    from scipy.special import expit

    teacher = expit(raw) if task == "binary" else raw
    return np.asarray((1 - weight) * labels + weight * teacher, dtype=np.float64)


def as_weighted(task: Task, matrix: FloatArray, targets: FloatArray) -> Weighted:
    """Rows that mean the same to LightGBM, which takes no label between 0 and 1 for binary.

    A row with the target t becomes two: label 1 with weight t, and label 0 with weight 1 - t. The
    log loss of both together is the cross-entropy against t.
    """
    if task == "regression":
        return Weighted(matrix, targets, None)
    n = targets.size
    return Weighted(
        np.repeat(matrix, 2, axis=0),
        np.tile([1.0, 0.0], n),
        np.column_stack([targets, 1 - targets]).ravel(),
    )
