"""A champion's network on its way to the next version; every strategy is made of it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np

from perennial.learn.contract import Evidence, Fitted, Learner, Lesson
from perennial.learn.losses import before_and_after
from perennial.learn.network.batches import Batch
from perennial.learn.network.fitting import curve_of
from perennial.learn.network.learner import NetworkLearner
from perennial.learn.network.learning import Learned, learn
from perennial.learn.network.objectives import Objective, label_loss
from perennial.learn.network.settings import Settings
from perennial.learn.network.torch_library import torch
from perennial.learn.recalibrated import Recalibrated


class Onward:
    """A copy of the champion's network that may be changed; inputs and level stay the champion's.

    `data` are the rows to learn from; a strategy may add columns to them.
    """

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson
        self.base = plain(lesson.start.learner)
        self.network = copy.deepcopy(self.base.network)
        self.data = self._batch(lesson.evidence)

    def learn(
        self,
        *,
        objective: Objective | None = None,
        trainable: Callable[[str], bool] | None = None,
    ) -> Learned:
        """Move the network: until `later` rows get no better, or for `n_rounds` epochs."""
        lesson, later = self.lesson, self.lesson.later
        return learn(
            self.network,
            self.data,
            Settings.of_update(lesson.declared),
            objective or Objective(label_loss(self.base.task)),
            lesson.on_round,
            later=None if later is None else self._batch(later),
            n_epochs=None if later is not None else lesson.n_rounds,
            trainable=trainable,
            checkpoint=lesson.checkpoint,
        )

    def finished(self) -> NetworkLearner:
        """The network as it is now, as something that answers."""
        base = self.base
        return NetworkLearner.finished(
            self.network,
            base.inputs,
            base.level,
            base.task,
            self.data,
            self.lesson.declared.threads,
        )

    def fitted(self, learned: Learned, learner: NetworkLearner | None = None) -> Fitted:
        """What came of it; the curve is of the held-out rows where there are some."""
        learner = learner or self.finished()
        if self.lesson.later is None:
            champion, evidence = self.lesson.start.learner, self.lesson.evidence
            curve = before_and_after(champion, learner, evidence, evidence)
            return Fitted(learner, learned.n_epochs, False, curve, curve.validation[-1])
        curve = curve_of(learned, self.base.task, self.base.level)
        loss = curve.validation[learned.n_epochs - 1]
        return Fitted(learner, learned.n_epochs, learned.is_stopped_early, curve, loss)

    def _batch(self, evidence: Evidence) -> Batch:
        targets = self.base.level.targets(evidence.labels)
        return self.base.inputs.batch(evidence.rows, np.asarray(targets))


def plain(champion: Learner) -> NetworkLearner:
    """The champion as a network alone: a recalibration becomes part of its last layer.

    intercept + slope x (centre + scale x out) is centre + scale x out', with out' = slope x out +
    (intercept + (slope - 1) x centre) / scale.
    """
    if isinstance(champion, NetworkLearner):
        return champion
    if not isinstance(champion, Recalibrated) or not isinstance(champion.base, NetworkLearner):
        raise ValueError(f"champion must be of the family torch, got {champion.family!r}")
    base, slope = champion.base, champion.slope
    network, level = copy.deepcopy(base.network), base.level
    with torch.no_grad():
        network.head.weight.mul_(slope)
        added = (champion.intercept + (slope - 1) * level.centre) / level.scale
        network.head.bias.mul_(slope).add_(added)
    return NetworkLearner(
        network, base.inputs, level, base.task, base.base, base.shares, base.threads
    )
