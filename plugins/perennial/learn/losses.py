"""The loss that a family minimizes, before and after a champion learned more."""

from __future__ import annotations

from perennial.learn.contract import Curve, Evidence, Learner
from perennial.measure.metrics import METRICS

LOSS = {"binary": "log_loss", "regression": "rmse"}


def before_and_after(
    champion: Learner, updated: Learner, learned: Evidence, later: Evidence
) -> Curve:
    """A curve of two points: the champion's loss, and that of what became of it."""
    metric = METRICS[LOSS[champion.task]]
    training, validation = (
        tuple(metric.function(part.labels, each.predict(part.rows)) for each in (champion, updated))
        for part in (learned, later)
    )
    return Curve(metric.name, training, validation)
