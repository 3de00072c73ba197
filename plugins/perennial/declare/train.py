"""How a model learns (`train:` of a model)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from perennial.declare.frozen import Frozen


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


class Update(Frozen):
    """Stateful learning: the champion goes on with recent days."""

    days: int = Field(14, ge=1, description="Recent days that it learns from.")
    max_rounds: int = Field(100, ge=1, description="Trees that may be added (init_model).")
    decay: float = Field(
        0.9, ge=0, le=1, description="How much of a leaf's old value a refit keeps."
    )
    older_days: int = Field(
        14, ge=1, description="Days of the champion's own window on which forgetting is measured."
    )
    max_forgetting: float = Field(
        0.02, ge=0, description="How much worse the primary metric may get on those older days."
    )


class Train(Frozen):
    """How a candidate comes about."""

    learner: Literal["lightgbm"] = Field("lightgbm", description="The family of learner.")
    strategy: Literal["stateless", "stateful"] = Field(
        "stateless",
        description="When nobody says otherwise. stateless: from scratch. stateful: the champion "
        "goes on learning.",
    )
    window_days: int | None = Field(
        None, ge=1, description="Days of history to learn from; all history when left out."
    )
    update: Update = Field(
        default_factory=lambda: Update.model_validate({}), description="Stateful learning."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="The family's own parameters, by its own names (no aliases).",
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
