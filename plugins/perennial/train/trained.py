"""The report of a training, and what its parts hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.declare.strategies import Kind
from perennial.keep.report import Report
from perennial.learn.contract import Fitted
from perennial.train.labelled_rows import LabelledRows
from perennial.train.lineage import Lineage


class Tried(Frozen):
    """One way in which the champion went on learning, and what became of it."""

    way: str = Field(description="A stateful strategy, or recalibrate.")
    metric: str = Field(description="The primary metric of judge, in which all three are.")
    held_out: float = Field(description="On the held-out recent days, without having seen them.")
    champion: float = Field(description="The champion's on the same days.")
    forgetting: float | None = Field(
        None, description="How much worse it got on older days; null when not measured."
    )
    forgetting_by: dict[str, float] = Field(
        default_factory=dict, description="The same by slice and by season, where rows suffice."
    )
    n_rounds: int = Field(description="Trees; passes over the data of a network.")


class Trained(Report):
    """What was learned, from what."""

    model: str
    at: date
    version: str = Field(description="The first twelve digits of the digest.")
    digest: str = Field(description="SHA-256 of the files that make the answers.")
    strategy: Kind = "stateless"
    way: str = Field("", description="How in particular: full, window, extend, …")
    n_updates: int = Field(0, description="Stateful trainings since the last one from scratch.")
    parent: str | None = Field(None, description="The champion that it goes on from.")
    tried: tuple[Tried, ...] = ()
    why: str = Field("", description="Why this way of those that were tried.")
    window_start: date
    window_end: date = Field(description="The first day that was not learned from.")
    learned_from: date | None = Field(
        None, description="The first day learned from in this training; null: window_start."
    )
    window_days: int | None = Field(
        None, description="Asked for; null: all history, or train.update.days."
    )
    n_rows: int = Field(description="Learned from in this training.")
    n_unlabelled: int = Field(description="Rows left out: they have no label.")
    n_not_yet_known: int = Field(description="Rows left out: their label was known after `at`.")
    mean_label: float = Field(description="For binary the share of positives.")
    n_features: int
    n_rounds: int
    is_stopped_early: bool
    validation_metric: str
    validation_loss: float = Field(description="On the held-out days, before a refit.")
    seed: int
    parameters: dict[str, Any]
    importance: dict[str, float] = Field(description="Per feature its share, summing to 1.")
    lineage: Lineage
    registered_as: int | None = Field(
        None, description="The version's number in the MLflow registry, once it has one."
    )


@dataclass(frozen=True)
class Asked:
    """What a training was asked for."""

    at: date
    until: date
    strategy: Kind
    window_days: int | None
    ways: tuple[str, ...] = ()
    """stateful: those that are tried."""
    is_transfer: bool = False
    """stateless: whether it starts from another model."""


@dataclass(frozen=True)
class Learned:
    """What a strategy hands back."""

    rows: LabelledRows
    """Those learned from."""
    fitted: Fitted
    made_from: Lineage
    window_start: date
    """The first day that the version knows of, its parent's included."""
    parent: str | None = None
    tried: tuple[Tried, ...] = ()
    why: str = "from scratch"
    way: str = ""
    n_updates: int = 0
    state: Mapping[str, bytes] = field(default_factory=dict)
    """What the declared strategies need to go on later."""
