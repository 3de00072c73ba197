"""How a network learns from scratch: repeatably, and stopped by the last days of the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from perennial.declare.model import Task
from perennial.declare.torch_parameters import Network
from perennial.declare.train import Train
from perennial.learn.contract import Curve, Evidence, Fitted, FloatArray, OnRound
from perennial.learn.held_out import both_classes, held_out, part
from perennial.learn.losses import LOSS
from perennial.learn.network.architecture import Architecture, TabularNetwork, fresh
from perennial.learn.network.inputs import Inputs
from perennial.learn.network.learner import NetworkLearner
from perennial.learn.network.learning import Learned, learn
from perennial.learn.network.level import Level
from perennial.learn.network.objectives import Objective, label_loss
from perennial.learn.network.settings import Settings


def fit(
    evidence: Evidence,
    task: Task,
    declared: Train,
    on_round: OnRound,
    checkpoint: Path | None = None,
) -> Fitted:
    """Learn from scratch; the same evidence and declaration give the same bytes.

    The last `stopping.days` days decide the number of epochs; with `stopping.refit` the model
    then learns once more from all days with that number. Raises NotEnoughEvidenceError when the
    days do not suffice, or when either part has labels of one class only (binary);
    DeclarationError when the loss is no number any more.
    """
    return fit_by(
        lambda rows: Begun(rows, task, declared), evidence, task, declared, on_round, checkpoint
    )


def fit_by(
    begin: Callable[[Evidence], Begun],
    evidence: Evidence,
    task: Task,
    declared: Train,
    on_round: OnRound,
    checkpoint: Path | None,
) -> Fitted:
    """The same for a network that begins in a way of its own."""
    stopping = declared.stopping
    is_held_out = held_out(evidence.days, stopping.days)
    earlier, later = part(evidence, ~is_held_out), part(evidence, is_held_out)
    if task == "binary":
        both_classes(earlier.labels, "the days learned from")
        both_classes(later.labels, f"the last {stopping.days} days")
    trial = begin(earlier)
    learned = trial.learn(on_round, later=later, checkpoint=checkpoint and checkpoint / "trial")
    final = trial
    if stopping.refit:
        final = begin(evidence)
        final.learn(
            on_round, n_epochs=learned.n_epochs, checkpoint=checkpoint and checkpoint / "refit"
        )
    curve = curve_of(learned, task, trial.level)
    return Fitted(
        learner=final.learner(),
        n_rounds=learned.n_epochs,
        is_stopped_early=learned.is_stopped_early,
        curve=curve,
        validation_loss=curve.validation[learned.n_epochs - 1],
    )


class Begun:
    """A new network for some evidence: its inputs, its level, its first weights."""

    trainable: Callable[[str], bool] | None = None
    """Which parameters move, by name; all of them without."""

    def __init__(self, evidence: Evidence, task: Task, declared: Train) -> None:
        self.task, self.declared = task, declared
        self.inputs = Inputs.learn(evidence.rows)
        self.level = Level.learn(evidence.labels, task)
        self.data = self.inputs.batch(evidence.rows, self.level.targets(evidence.labels))
        network = Network.model_validate(declared.parameters)
        shape = Architecture.of(network, len(self.inputs.numbers), self.inputs.sizes)
        self.network: TabularNetwork = fresh(
            shape, declared.seed, first_answer(evidence.labels, task)
        )

    def learn(
        self,
        on_round: OnRound,
        *,
        later: Evidence | None = None,
        n_epochs: int | None = None,
        checkpoint: Path | None = None,
    ) -> Learned:
        """Let the network learn from all of the evidence."""
        held = None
        if later is not None:
            held = self.inputs.batch(later.rows, self.level.targets(later.labels))
        return learn(
            self.network,
            self.data,
            Settings.of(self.declared),
            Objective(label_loss(self.task)),
            on_round,
            later=held,
            n_epochs=n_epochs,
            trainable=self.trainable,
            checkpoint=checkpoint,
        )

    def learner(self) -> NetworkLearner:
        """What has been learned, as something that answers."""
        return NetworkLearner.finished(
            self.network, self.inputs, self.level, self.task, self.data, self.declared.threads
        )


def first_answer(labels: FloatArray, task: Task) -> float:
    """What a network says before it knows anything: the log-odds of the mean label, or the mean.

    >>> round(first_answer(np.array([0.0, 0.0, 0.0, 1.0]), "binary"), 4)
    -1.0986
    """
    if task == "regression":
        return 0.0  # its targets are standardised
    share = float(np.clip(labels.mean(), 1e-6, 1 - 1e-6))
    return float(np.log(share / (1 - share)))


def curve_of(learned: Learned, task: Task, level: Level) -> Curve:
    """The losses in the unit of the metric that people read: log loss, or rmse of the label."""
    training, validation = (
        tuple(each if task == "binary" else level.scale * each**0.5 for each in losses)
        for losses in (learned.training, learned.validation)
    )
    return Curve(LOSS[task], training, validation)
