"""How the line of a recalibration is found."""

from __future__ import annotations

import numpy as np

from perennial.errors import NotEnoughEvidenceError
from perennial.learn.contract import Evidence, FloatArray, Learner
from perennial.learn.recalibrated import Recalibrated, Scoring

MAX_STEPS = 100
STILL = 1e-10


def recalibrate(champion: Learner, evidence: Evidence) -> Recalibrated:
    """The champion behind a line that is fitted to the labels of rows it has not learned from.

    Binary: logistic regression on the log-odds (Platt 1999). Regression: least squares. A
    champion that is recalibrated already gets a new line, not a second one. Raises
    NotEnoughEvidenceError when the best line falls: the ranking is upside down then, and no line
    mends it.
    """
    base = champion.base if isinstance(champion, Recalibrated) else champion
    if not isinstance(base, Scoring):
        raise ValueError(f"a learner of the family {base.family!r} tells no raw scores")
    raw = base.raw_scores(evidence.rows)
    line = logistic_line if base.task == "binary" else straight_line
    intercept, slope = line(raw, evidence.labels)
    if slope <= 0:
        raise NotEnoughEvidenceError(
            f"the best recalibration has the slope {slope:.3g}, which must be above 0: the higher "
            "the answers, the lower the labels; retrain instead"
        )
    return Recalibrated(base, intercept, slope)


def logistic_line(raw: FloatArray, labels: FloatArray) -> tuple[float, float]:
    """Intercept and slope of the log-odds of labels 0 and 1 over raw scores, both (n,).

    Newton's method on the log loss plus half of intercept^2 + (slope - 1)^2, as if one row spoke
    for no change: so labels of one class, or separated ones, give finite numbers.

    >>> raw = np.array([-2.0, -1.0, 0.0, 1.0, 2.0] * 200)
    >>> odds = np.tile(np.round(200 / (1 + np.exp(-(raw[:5] * 0.5 + 1)))), 1)
    >>> labels = (np.arange(1000) // 5 < np.tile(odds, 200)).astype(float)
    >>> [round(each, 1) for each in logistic_line(raw, labels)]
    [1.0, 0.5]
    """
    design = np.column_stack([np.ones_like(raw), raw])
    prior = np.array([0.0, 1.0])
    line = prior
    for _ in range(MAX_STEPS):
        shares = 1 / (1 + np.exp(-np.clip(design @ line, -500, 500)))
        gradient = design.T @ (shares - labels) + (line - prior)
        hessian = (design * (shares * (1 - shares))[:, None]).T @ design + np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        step /= max(1.0, float(np.abs(step).max()))  # far from the minimum a whole step overshoots
        line = line - step
        if np.abs(step).max() < STILL:
            break
    return float(line[0]), float(line[1])


def straight_line(raw: FloatArray, labels: FloatArray) -> tuple[float, float]:
    """Intercept and slope of the least squares of labels over raw scores, both (n,).

    Scores that are all equal give the slope 1: only the level can be told then.

    >>> straight_line(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
    (1.0, 2.0)
    """
    centred = raw - raw.mean()
    spread = float(centred @ centred)
    slope = float(centred @ (labels - labels.mean())) / spread if spread > 0 else 1.0
    return float(labels.mean() - slope * raw.mean()), slope
