"""A learner lives through a stream by each strategy, and is asked after every phase what it knows.

Everything is learned by the library's own strategies in the way in which `train` does it: first
with held-out days that decide how far it goes, then once more with all of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from learning.streams import DAYS, Phase, phases
from perennial.declare.model import Task
from perennial.declare.train import Train
from perennial.learn.contract import Evidence, Fitted, Learner, Start
from perennial.learn.evidence_rows import together
from perennial.learn.held_out import held_out, part
from perennial.learn.loading import fit_of, ways_of
from perennial.measure.metrics import METRICS

TASK: Task = "binary"
METRIC_NAMES = ("roc_auc", "log_loss")
STOPPING = {"days": 6, "rounds": 20, "max_rounds": 300}
DECLARED: dict[str, dict[str, Any]] = {
    "lightgbm": {
        "learner": "lightgbm",
        "parameters": {"learning_rate": 0.08, "num_leaves": 15, "min_data_in_leaf": 30},
    },
    "torch": {
        "learner": "torch",
        "parameters": {
            "width": 32, "blocks": 1, "frequencies": 8, "numeric_embedding": 6, "embedding": 4,
            "batch": 256, "epochs": 12, "learning_rate": 5e-3, "patience": 3,
        },
    },
}  # fmt: skip
UPDATE: dict[str, dict[str, Any]] = {
    "lightgbm": {"days": DAYS},
    "torch": {"days": DAYS, "learning_rate": 4e-3, "epochs": 8},
}
STATELESS = ("full", "window")
COMBINED, EVERY = "rehearsal", 3
"""What `combined` does between two trainings from scratch, and how many phases they are apart."""


@dataclass(frozen=True)
class Known:
    """What a version knew after a phase, and what it took to get there."""

    phase: int
    forward: dict[str, float]
    """By metric: on the next phase's first days, of which it had learned nothing."""
    now: dict[str, float]
    """On held-out rows of the phase that it just learned."""
    backward: dict[str, float]
    """On held-out rows of each earlier phase, their mean."""
    seconds: float
    """Of the processor, for this phase's learning."""
    n_bytes: int
    """The version's answering files, and what its strategy keeps beside them."""


@dataclass(frozen=True)
class Lived:
    """One strategy's way through one stream."""

    stream: str
    seed: int
    family: str
    strategy: str
    after: tuple[Known, ...]


def strategies_of(family: str) -> tuple[str, ...]:
    """All strategies of a family that a stream can be lived through by."""
    return (*STATELESS, *ways_of(family), "combined")


def declared_for(family: str, seed: int, strategy: str, changed: dict[str, Any]) -> Train:
    """The declaration of a learner that keeps what this strategy needs, and nothing else."""
    way = COMBINED if strategy == "combined" else strategy
    ways = () if way in STATELESS else (way,)
    update = {**UPDATE[family], "ways": ways, **changed}
    return Train.model_validate(
        {**DECLARED[family], "stopping": STOPPING, "seed": seed, "threads": 1, "update": update}
    )


def live(
    stream: str,
    seed: int,
    family: str,
    strategies: Sequence[str] = (),
    n_phases: int = 6,
    n_rows: int = 1500,
    changed: dict[str, Any] | None = None,
) -> list[Lived]:
    """A stream by each strategy, all from the same first version; `changed` is of `update`."""
    told = phases(stream, seed, n_phases + 1, n_rows)
    declared = declared_for(family, seed, "full", {})
    first = fit_of(family)(told[0].learned, TASK, declared, _unseen)
    return [
        Lived(stream, seed, family, each, _after(told, first.learner, family, each,
              declared_for(family, seed, each, changed or {})))
        for each in strategies or strategies_of(family)
    ]  # fmt: skip


def _after(
    told: list[Phase], first: Learner, family: str, strategy: str, declared: Train
) -> tuple[Known, ...]:
    """What is known after each phase but the first, which all learn alike."""
    start = Start(first, _remembered(family, declared, first, told[0].learned, {}))
    known = []
    for place in range(1, len(told) - 1):
        began = time.process_time()
        name = strategy
        if strategy == "combined":
            name = "full" if place % EVERY == 0 else COMBINED
        rows, was = told[place].learned, start.state
        if name in STATELESS:
            since = 0 if name == "full" else place
            rows, was = together(*(each.learned for each in told[since : place + 1])), {}
            learner = fit_of(family)(rows, TASK, declared, _unseen).learner
        else:
            learner = _gone_on(family, name, start, rows, declared).learner
        start = Start(learner, _remembered(family, declared, learner, rows, was))
        known.append(_asked(told, place, start, time.process_time() - began))
    return tuple(known)


def _gone_on(family: str, strategy: str, start: Start, rows: Evidence, declared: Train) -> Fitted:
    go_on = ways_of(family)[strategy].go_on
    is_held_out = held_out(rows.days, declared.stopping.days)
    earlier, later = part(rows, ~is_held_out), part(rows, is_held_out)
    trial = go_on(start, earlier, declared, _unseen, later)
    return go_on(start, rows, declared, _unseen, n_rounds=trial.n_rounds)


def _remembered(
    family: str, declared: Train, learner: Learner, rows: Evidence, was: Any
) -> dict[str, bytes]:
    """What the declared ways keep, as `perennial.train.remembering` does it."""
    kept: dict[str, bytes] = {}
    for name in declared.update.ways:
        remember = ways_of(family)[name].remember
        if remember is not None:
            kept |= remember(learner, rows, declared, was)
    return kept


def _asked(told: list[Phase], place: int, now: Start, seconds: float) -> Known:
    earlier = [quality(now.learner, each.held_out) for each in told[:place]]
    return Known(
        phase=place,
        forward=quality(now.learner, told[place + 1].first_days),
        now=quality(now.learner, told[place].held_out),
        backward={name: float(np.mean([each[name] for each in earlier])) for name in METRIC_NAMES},
        seconds=seconds,
        n_bytes=sum(map(len, [*now.learner.save().values(), *now.state.values()])),
    )


def quality(learner: Learner, rows: Evidence) -> dict[str, float]:
    """Both metrics of its answers to these rows."""
    answers = learner.predict(rows.rows)
    return {name: float(METRICS[name].function(rows.labels, answers)) for name in METRIC_NAMES}


def _unseen(_n_rounds: int) -> None:
    """Nobody watches the rounds."""
