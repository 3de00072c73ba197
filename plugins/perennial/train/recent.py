"""The recent days that a champion goes on with, and which of them are held out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import NotEnoughEvidenceError
from perennial.learn.contract import Evidence
from perennial.train.champion import Champion
from perennial.train.labelled_rows import LabelledRows, read_labelled
from perennial.train.trained import Asked

MIN_ROWS = 100


@dataclass(frozen=True)
class Recent:
    """Recent rows, and which of them only decide: the newest, none of which the champion saw."""

    rows: LabelledRows
    is_held_out: Any
    """Shape (n,)."""

    @property
    def all(self) -> Evidence:
        """Everything to learn from in the end."""
        return part(self.rows, np.ones_like(self.is_held_out))

    def since(self, day: date) -> Evidence:
        """Those from `day` on."""
        return part(self.rows, self.rows.days >= np.datetime64(day, "D"))

    @property
    def learned(self) -> Evidence:
        """What is learned from while the held-out days decide."""
        return part(self.rows, ~self.is_held_out)

    @property
    def held_out(self) -> Evidence:
        """What decides."""
        return part(self.rows, self.is_held_out)


def read_recent(
    project: Project, model: Model, champion: Champion, asked: Asked, *, only_new: bool
) -> Recent:
    """The `train.update.days` days before `until`, or those of them that are new to the champion.

    Held out are the last `train.stopping.days` days, but no more than half of the days that the
    champion has not learned from (one at least): it would be judged by what it knows otherwise,
    and the rest of the new days would teach nothing.
    """
    until, days = asked.until, asked.window_days or model.train.update.days
    start, new_from = until - timedelta(days=days), champion.learned_until
    if new_from >= until:
        raise NotEnoughEvidenceError(
            f"model {model.name}: {champion.version}, which serves, has learned until {new_from}, "
            f"so there is no new day before {until} to go on with"
        )
    start = max(start, new_from) if only_new else start
    rows = read_labelled(project, model, start, until, known_by=asked.at)
    n_new = (until - max(new_from, start)).days
    n_held_out = min(model.train.stopping.days, max(1, n_new // 2))
    is_held_out = rows.days >= np.datetime64(until - timedelta(days=n_held_out), "D")
    recent = Recent(rows, is_held_out)
    for evidence, what in ((recent.learned, "to learn from"), (recent.held_out, "held out")):
        _enough(model, evidence, what, asked)
    return recent


def part(rows: LabelledRows, is_in: Any) -> Evidence:
    """Some of the rows, as evidence."""
    import pyarrow as pa

    return Evidence(rows.features.filter(pa.array(is_in)), rows.labels[is_in], rows.days[is_in])


def _enough(model: Model, evidence: Evidence, what: str, asked: Asked) -> None:
    n = evidence.labels.size
    if n < MIN_ROWS:
        raise NotEnoughEvidenceError(
            f"model {model.name}: {n} recent rows {what} before {asked.until} have a label known "
            f"by {asked.at}, at least {MIN_ROWS} are needed (see train.update.days)"
        )
    if model.task == "binary" and evidence.labels.min() == evidence.labels.max():
        raise NotEnoughEvidenceError(
            f"model {model.name}: all {n} recent labels {what} before {asked.until} are "
            f"{evidence.labels[0]:g}; two classes are needed"
        )
