"""How much worse a candidate is than the champion on older days: over all, by slice, by season."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import NotEnoughEvidenceError
from perennial.learn.contract import Evidence, Learner
from perennial.measure.metrics import METRICS
from perennial.train.champion import Champion
from perennial.train.labelled_rows import read_labelled
from perennial.train.recent import MIN_ROWS, part
from perennial.train.trained import Asked

SEASONS = {
    "weekday": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    "month": [f"{n:02}" for n in range(1, 13)],
}


def older_rows(project: Project, model: Model, champion: Champion, asked: Asked) -> Evidence:
    """Rows of `train.update.older_days` days of the champion's window before the recent ones.

    The days are drawn by the model's seed, the same number from each season that recurs
    (`train.update.season`), so that neither the window's age nor its days decide what counts as
    remembered.
    """
    declared = model.train.update
    recent_start = asked.until - timedelta(days=asked.window_days or declared.days)
    end = min(champion.learned_until, recent_start)
    if champion.learned_from >= end:
        raise NotEnoughEvidenceError(
            f"model {model.name}: {champion.version}, which serves, learned from "
            f"{champion.learned_from} on, and the update learns from {recent_start} on: there are "
            "no older days on which forgetting could be measured; retrain instead"
        )
    rows = read_labelled(project, model, champion.learned_from, end, known_by=asked.at)
    if rows.n_rows < MIN_ROWS:
        raise NotEnoughEvidenceError(
            f"model {model.name}: {rows.n_rows} rows of {rows.start} <= day < {rows.end} have a "
            f"label, at least {MIN_ROWS} are needed to measure forgetting; retrain instead"
        )
    days = np.unique(rows.days)
    chosen = drawn_days(days, declared.season, declared.older_days, model.train.seed)
    return part(rows, np.isin(rows.days, chosen))


def drawn_days(days: Any, season: str, n: int, seed: int) -> Any:
    """`n` of the days (or all, when there are fewer), in turns from each season.

    >>> week = np.arange("2024-01-01", "2024-01-22", dtype="datetime64[D]")
    >>> sorted(season_of(drawn_days(week, "weekday", 7, seed=1), "weekday")) == list(range(7))
    True
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(days)
    seasons = season_of(shuffled, season)
    # Its how-manieth day of its season each is: the first of all seasons come first.
    turns = np.array([int((seasons[:at] == seasons[at]).sum()) for at in range(shuffled.size)])
    return shuffled[np.argsort(turns, kind="stable")[:n]]


def season_of(days: Any, season: str) -> Any:
    """Which of the recurring seasons each day (n,) is of, from 0 on."""
    if season == "weekday":
        return (days.astype("datetime64[D]").astype(int) + 3) % 7  # 1970-01-01 was a Thursday
    return days.astype("datetime64[M]").astype(int) % 12


def forgotten(model: Model, older: Evidence, champion: Learner, candidate: Learner) -> float:
    """How much worse the primary metric is on all older rows; below 0 it got better."""
    return _worse(model, older.labels, champion.predict(older.rows), candidate.predict(older.rows))


def forgotten_by(
    model: Model, older: Evidence, champion: Learner, candidate: Learner
) -> dict[str, float]:
    """The same for each slice (`judge.slices`) and season that has enough rows to tell.

    Enough is `train.update.min_part_rows`, with both classes for binary.
    """
    was, now = champion.predict(older.rows), candidate.predict(older.rows)
    found = {}
    for name, is_in in _parts(model, older):
        labels = older.labels[is_in]
        has_both = model.task != "binary" or labels.min() != labels.max()
        if has_both:
            found[name] = _worse(model, labels, was[is_in], now[is_in])
    return found


def _parts(model: Model, older: Evidence) -> Iterator[tuple[str, Any]]:
    declared = model.train.update
    seasons = season_of(older.days, declared.season)
    for at, name in enumerate(SEASONS[declared.season]):
        yield from _large_enough(model, f"{declared.season}={name}", seasons == at)
    for column in model.judge.slices:
        values = np.array([str(each) for each in older.rows[column].to_pylist()], dtype=object)
        for value in sorted(set(values)):
            yield from _large_enough(model, f"{column}={value}", values == value)


def _large_enough(model: Model, name: str, is_in: Any) -> Iterator[tuple[str, Any]]:
    if int(is_in.sum()) >= model.train.update.min_part_rows:
        yield name, is_in


def _worse(model: Model, labels: Any, was: Any, now: Any) -> float:
    metric = METRICS[model.judge.primary]
    return float(metric.sign * (metric.function(labels, was) - metric.function(labels, now)))
