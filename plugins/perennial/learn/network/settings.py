"""How a network learns, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, pi

from perennial.declare.torch_parameters import Network
from perennial.declare.train import Train

WARM_UP = 0.5
"""Epochs in which the learning rate rises, so that the first steps spoil nothing."""


@dataclass(frozen=True)
class Settings:
    """What the steps of a training depend on, but for data and objective."""

    learning_rate: float
    weight_decay: float
    max_gradient: float
    """A longer gradient is shortened to this length."""
    batch: int
    accumulate: int
    """Parts in which a batch is gone through."""
    epochs: int
    """The most passes over the rows; the learning rate falls to 0 towards the last."""
    patience: int
    """Epochs without improvement on held-out rows before it stops."""
    seed: int
    threads: int
    device: str

    @classmethod
    def of(cls, declared: Train) -> Settings:
        """Those that are declared; `stopping` bounds epochs and patience where it is tighter."""
        network = Network.model_validate(declared.parameters)
        return cls(
            learning_rate=network.learning_rate,
            weight_decay=network.weight_decay,
            max_gradient=network.max_gradient,
            batch=network.batch,
            accumulate=network.accumulate,
            epochs=min(network.epochs, declared.stopping.max_rounds),
            patience=min(network.patience, declared.stopping.rounds),
            seed=declared.seed,
            threads=declared.threads,
            device=network.device,
        )

    @classmethod
    def of_update(cls, declared: Train) -> Settings:
        """Those of an update: its own learning rate and its own number of epochs."""
        return replace(
            cls.of(declared),
            learning_rate=declared.update.learning_rate,
            epochs=declared.update.epochs,
        )

    def rate_at(self, epoch: float) -> float:
        """The learning rate after so many epochs: up in a line, then down along half a cosine.

        Loshchilov and Hutter 2017, arXiv:1608.03983.

        >>> declared = {"learner": "torch", "parameters": {"epochs": 4, "learning_rate": 0.1}}
        >>> settings = Settings.of(Train.model_validate(declared))
        >>> [round(settings.rate_at(epoch), 3) for epoch in (0, 0.25, 0.5, 2.25, 4)]
        [0.0, 0.05, 0.1, 0.05, 0.0]
        """
        warm_up = min(WARM_UP, self.epochs / 2)
        if epoch < warm_up:
            return self.learning_rate * epoch / warm_up
        share = min(1.0, (epoch - warm_up) / (self.epochs - warm_up))
        return self.learning_rate * (1 + cos(pi * share)) / 2
