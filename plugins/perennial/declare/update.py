"""How a champion goes on learning (`train.update:` of a model), strategy by strategy."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.declare.strategies import Stateful


class Rehearsal(Frozen):
    """Real rows of the past, kept with the model: each row equally likely to be among them."""

    rows: int = Field(5000, ge=100, le=100_000, description="Rows in the reservoir.")
    share: float = Field(
        0.5, gt=0, lt=1, description="How much of what is learned from comes out of it."
    )


class GenerativeReplay(Frozen):
    """Rows made up by a generator that was fitted to the past; none of the past is kept."""

    quantiles: int = Field(
        51, ge=5, le=1001, description="Quantiles by which it knows how a number is distributed."
    )
    rows: int = Field(
        5000, ge=500, description="Rows made up to stand for the past when it is fitted anew."
    )
    share: float = Field(0.5, gt=0, lt=1, description="How much of what is learned is made up.")


class Distill(Frozen):
    """The champion teaches (learning without forgetting)."""

    weight: float = Field(
        0.5, gt=0, lt=1, description="How much its answers weigh beside the labels."
    )
    temperature: float = Field(
        2.0,
        ge=1,
        description="torch, binary: how much answers are softened, the teacher's and the pupil's.",
    )


class ElasticWeights(Frozen):
    """Elastic weight consolidation."""

    strength: float = Field(
        300.0, gt=0, description="How hard weights that mattered are held: the factor before the "
        "Fisher information of a single row."
    )  # fmt: skip
    rows: int = Field(2000, ge=100, description="Rows that the Fisher information is taken over.")


class Lora(Frozen):
    """Low-rank adapters."""

    rank: int = Field(8, ge=1, le=256, description="Their rank.")
    alpha: float = Field(16.0, gt=0, description="Their scale is alpha / rank.")


class Grow(Frozen):
    """A network that grows."""

    max_blocks: int = Field(8, ge=1, description="Blocks at which it does not grow any more.")


class ShrinkAndPerturb(Frozen):
    """Weights made smaller and shaken, so that they learn as well as new ones."""

    shrink: float = Field(0.8, gt=0, le=1, description="What is left of each weight.")
    noise: float = Field(
        0.1, ge=0, description="How much of freshly drawn weights is added to them."
    )


class Combined(Frozen):
    """From scratch now and then, stateful in between."""

    base: Literal["full", "window"] = Field("full", description="How it learns from scratch.")
    updates: int = Field(4, ge=1, description="Updates between two trainings from scratch.")


def _default(kind: type[Frozen]) -> Any:
    return Field(default_factory=lambda: kind.model_validate({}), description=_first(kind))


def _first(kind: type[Frozen]) -> str:
    return str(kind.__doc__).splitlines()[0]


class Update(Frozen):
    """Stateful learning: the champion goes on with recent days."""

    ways: tuple[Stateful, ...] = Field(
        (),
        description="The stateful strategies that are tried; the best one on held-out days is "
        "taken of those that do not forget too much. Empty: refit and extend for lightgbm, "
        "finetune for torch.",
    )
    days: int = Field(14, ge=1, description="Recent days that it learns from.")
    max_rounds: int = Field(100, ge=1, description="lightgbm: trees that may be added (extend).")
    decay: float = Field(
        0.9, ge=0, le=1, description="refit: how much of a leaf's old value it keeps."
    )
    epochs: int = Field(10, ge=1, description="torch: the most passes over the recent days.")
    learning_rate: float = Field(3e-4, gt=0, description="torch: of an update.")
    older_days: int = Field(
        14, ge=1, description="Days of the champion's own window on which forgetting is measured."
    )
    max_forgetting: float = Field(
        0.02, ge=0, description="How much worse the primary metric may get on those older days."
    )
    season: Literal["weekday", "month"] = Field(
        "weekday", description="What recurs: the older days are drawn from each of its parts."
    )
    max_part_forgetting: float = Field(
        0.1, ge=0, description="How much worse it may get on any slice of judge.slices or season."
    )
    min_part_rows: int = Field(
        300, ge=2, description="Rows that such a part needs to tell anything; smaller ones are "
        "left out.",
    )  # fmt: skip
    rehearsal: Rehearsal = _default(Rehearsal)
    generative_replay: GenerativeReplay = _default(GenerativeReplay)
    distill: Distill = _default(Distill)
    ewc: ElasticWeights = _default(ElasticWeights)
    lora: Lora = _default(Lora)
    grow: Grow = _default(Grow)
    shrink_and_perturb: ShrinkAndPerturb = _default(ShrinkAndPerturb)
    combined: Combined = _default(Combined)
