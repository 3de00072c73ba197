"""How a model learns (`train:` of a model)."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from perennial.declare import searched
from perennial.declare.frozen import Frozen
from perennial.declare.strategies import (
    BY_DEFAULT,
    FROM_SCRATCH,
    MEANING,
    Family,
    Stateful,
    Strategy,
    refusal,
)
from perennial.declare.tune import Tune
from perennial.declare.update import Update


class Stopping(Frozen):
    """Early stopping on the last days of the window (never a random split)."""

    days: int = Field(7, ge=1, description="How many of the window's last days are held out.")
    rounds: int = Field(50, ge=1, description="Rounds without improvement before it stops.")
    max_rounds: int = Field(2000, ge=1, description="The most rounds.")
    refit: bool = Field(
        True,
        description="Whether to learn once more from all days, the held-out ones too, with the "
        "number of rounds that was best on them. The newest days often tell the most; the price "
        "is a second fit whose own loss nobody has seen before it is judged.",
    )


class Transfer(Frozen):
    """From what another model has learned."""

    model: str = Field(description="The other declared model; what serves for it is taken.")
    freeze: bool = Field(False, description="Whether what is taken over stays as it is.")


class Train(Frozen):
    """How a candidate comes about."""

    learner: Family = Field(
        "lightgbm", description="The family: lightgbm, boosted trees; torch, a tabular network."
    )
    strategy: Strategy = Field(
        "stateless",
        description="When nobody says otherwise: "
        + "; ".join(f"{name}: {meaning}" for name, meaning in MEANING.items())
        + ".",
    )
    transfer: Transfer | None = Field(None, description="transfer: from which model.")
    window_days: int | None = Field(
        None, ge=1, description="Days of history to learn from; all history when left out."
    )
    update: Update = Field(
        default_factory=lambda: Update.model_validate({}), description="Stateful learning."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="The learner's own parameters, by its own names (no aliases); or those of "
        "several learners, each below its name, so that changing `learner` is all it takes.",
    )
    stopping: Stopping = Field(
        default_factory=lambda: Stopping.model_validate({}), description="When it is enough."
    )
    seed: int = Field(7, ge=0, description="Makes two runs on the same data the same model.")
    threads: int = Field(
        2,
        ge=1,
        le=256,
        description="Cores to learn with. Sums differ in their last digit by it, so it is declared "
        "and never taken from the machine.",
    )
    tune: Tune = Field(
        default_factory=lambda: Tune.model_validate({}), description="What `perennial tune` tries."
    )

    @property
    def ways(self) -> tuple[Stateful, ...]:
        """The stateful strategies that an update tries."""
        return self.update.ways or BY_DEFAULT[self.learner]

    def strategy_for(self, decision: str) -> Strategy | None:
        """How a decision trains; None where it trains nothing.

        By the declared strategy, where that is what the decision means: retrain is from scratch,
        and update goes on from what serves. combined is its base for the one, itself for the other.
        """
        if decision == "recalibrate":
            return "recalibrate"
        begins = self.strategy in FROM_SCRATCH
        if decision == "update":
            return "stateful" if begins or self.strategy == "recalibrate" else self.strategy
        if decision == "retrain":
            if self.strategy == "combined":
                return self.update.combined.base
            return self.strategy if begins else "stateless"
        return None

    @model_validator(mode="after")
    def _strategies_are_the_learner_s(self) -> Self:
        where = {"train.strategy": (self.strategy,), "train.update.ways": self.update.ways}
        wrong = [
            f"{place}: {why}"
            for place, names in where.items()
            for name in names
            if (why := refusal(self.learner, name))
        ]
        if self.strategy == "window" and self.window_days is None:
            wrong.append("train.strategy window needs train.window_days, the days that it learns")
        is_windowed = self.strategy == "combined" and self.update.combined.base == "window"
        if is_windowed and self.window_days is None:
            wrong.append("train.update.combined.base window needs train.window_days")
        if self.strategy == "transfer" and self.transfer is None:
            wrong.append("train.strategy transfer needs train.transfer.model, where it starts")
        wrong += searched.mistakes(self.learner, self.tune)
        if wrong:
            raise ValueError("; ".join(wrong))
        return self
