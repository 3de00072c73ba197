"""The past cut into folds: what was known before some days, and what then happened on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.declare.tune import Tune
from perennial.errors import NotEnoughEvidenceError
from perennial.learn.contract import DayArray, Evidence
from perennial.learn.held_out import both_classes
from perennial.train.labelled_rows import LabelledRows, read_labelled
from perennial.train.recent import MIN_ROWS, part

MIN_JUDGED = 2


@dataclass(frozen=True)
class Fold:
    """The days `start <= day < end`, judged on; learned from is what was known at `start`."""

    name: str
    start: date
    end: date


def folds_of(tune: Tune, at: date) -> tuple[list[Fold], Fold]:
    """The folds, the oldest first, and after them the days that no trial is judged on.

    >>> folds, confirm = folds_of(Tune(folds=2, days=7, confirm_days=6), date(2024, 3, 1))
    >>> [(str(each.start), str(each.end)) for each in [*folds, confirm]]
    [('2024-02-10', '2024-02-17'), ('2024-02-17', '2024-02-24'), ('2024-02-24', '2024-03-01')]
    """
    first_unjudged = at - timedelta(days=tune.confirm_days)
    ends = [first_unjudged - timedelta(days=n * tune.days) for n in reversed(range(tune.folds))]
    folds = [
        Fold(f"fold {n + 1} of {tune.folds}", end - timedelta(days=tune.days), end)
        for n, end in enumerate(ends)
    ]
    return folds, Fold("the days that confirm", first_unjudged, at)


class Past:
    """All rows whose label was known at 00:00 UTC of `at`, and any fold's two parts of them.

    A fold learns from the rows of the days before it (of `train.window_days`, where declared)
    whose label was known at 00:00 UTC of its first day, just as a training at that night would.
    """

    def __init__(self, project: Project, model: Model, at: date) -> None:
        self.model, self.at = model, at
        self.folds, self.confirm = folds_of(model.train.tune, at)
        self.window = model.train.window_days
        first = self.folds[0].start
        start = first - timedelta(days=self.window) if self.window else None
        self.rows: LabelledRows = read_labelled(project, model, start, at, known_by=at)
        for fold in (*self.folds, self.confirm):
            self._check(fold)

    def learned(self, fold: Fold) -> Evidence:
        """What could be learned from before the fold's first day."""
        return part(self.rows, self._is_learned(fold))

    def judged(self, fold: Fold) -> Evidence:
        """The fold's own rows."""
        return part(self.rows, self._is_judged(fold))

    def judged_together(self) -> tuple[Any, DayArray]:
        """Labels and days (n,) of all folds, one after the other."""
        parts = [self._is_judged(fold) for fold in self.folds]
        return (
            np.concatenate([self.rows.labels[each] for each in parts]),
            np.concatenate([self.rows.days[each] for each in parts]),
        )

    def n_rows(self, fold: Fold) -> tuple[int, int]:
        """How many rows are learned from, and how many are judged on."""
        return int(self._is_learned(fold).sum()), int(self._is_judged(fold).sum())

    def _is_learned(self, fold: Fold) -> Any:
        is_known = self.rows.known_at <= np.datetime64(fold.start, "us")
        is_before = self.rows.days < np.datetime64(fold.start, "D")
        if self.window is None:
            return is_known & is_before
        since = np.datetime64(fold.start - timedelta(days=self.window), "D")
        return is_known & is_before & (self.rows.days >= since)

    def _is_judged(self, fold: Fold) -> Any:
        days = self.rows.days
        return (days >= np.datetime64(fold.start, "D")) & (days < np.datetime64(fold.end, "D"))

    def _check(self, fold: Fold) -> None:
        n_learned, n_judged = self.n_rows(fold)
        where = f"model {self.model.name}: {fold.name} ({fold.start} <= day < {fold.end})"
        if n_learned < MIN_ROWS or n_judged < MIN_JUDGED:
            raise NotEnoughEvidenceError(
                f"{where} has {n_learned} rows to learn from, known at {fold.start}, and "
                f"{n_judged} to be judged on, known at {self.at}; {MIN_ROWS} and {MIN_JUDGED} are "
                "needed: declare fewer or shorter folds (train.tune.folds, train.tune.days), or "
                "tune at a later date"
            )
        if self.model.task == "binary":
            for is_in, what in (
                (self._is_learned(fold), "the days learned from"),
                (self._is_judged(fold), "the days judged on"),
            ):
                try:
                    both_classes(self.rows.labels[is_in], what)
                except NotEnoughEvidenceError as error:
                    raise NotEnoughEvidenceError(f"{where}: {error}") from error
