"""Batch scoring: the questions of a period, answered at once by what serves now."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import locks, partitions
from perennial.keep.ledger import serving
from perennial.keep.progress import progress
from perennial.keep.report import Report
from perennial.learn.contract import Learner
from perennial.learn.loading import load_model
from perennial.score.answers import BATCH, days_with, predictions_table, write_day
from perennial.train import labelled_rows
from perennial.train.labelled_rows import ASKED_AT, KNOWN_AT, LABEL, files_between


class Scored(Report):
    """What was answered, by which version."""

    model: str
    start: date
    end: date
    version: str
    n_rows: int
    n_days: int
    n_days_withdrawn: int = Field(description="Days scored before that have no questions any more.")
    mean_score: float


def score(model: str, start: str, end: str, *, project: Project | None = None) -> Scored:
    """Answer every question of `start <= day < end` with the version that serves now.

    Reads `data/lake/training/<model>`; writes `data/lake/predictions/<model>/day=…/batch.parquet`,
    one row a question with its key, the version and the label where the lake has one. A day is
    replaced whole, so twice is the same as once.

    Raises UnavailableError when nothing serves, NotEnoughEvidenceError when the period has no rows,
    IntegrityError when the version's files differ from their digest.
    """
    project = project or Project.find()
    declared, (first, last) = project.model(model), partitions.period(start, end)
    now = serving(project, model)
    if now is None:
        raise UnavailableError(f"model {model}: nothing serves, so there is nothing to score with")
    table = predictions_table(project, model)
    with locks.exclusive(project.var / "locks", f"score-{model}", wait_seconds=600):
        _, files = files_between(project, declared, first, last)
        learner = load_model(now.version_folder)
        scores = []
        with progress(f"score {model}", total=len(files)) as step:
            for file in files:
                scores.append(_score_day(project, declared, learner, now.version, file))
                step(1)
        gone = _withdraw(table, first, last, {_day_of(file) for file in files})
    return Scored(
        model=model,
        start=first,
        end=last,
        version=now.version,
        n_rows=sum(each.size for each in scores),
        n_days=len(files),
        n_days_withdrawn=gone,
        mean_score=float(np.concatenate(scores).mean()),
    )


def _score_day(project: Project, model: Model, learner: Learner, version: str, file: Path) -> Any:
    import pyarrow.parquet as pq

    rows = pq.ParquetFile(file).read()
    labelled_rows.check_columns(project, model, rows.column_names)
    rows = rows.sort_by([(name, "ascending") for name in (ASKED_AT, *model.rows.key)])
    scores = learner.predict(rows.select(list(learner.features)))
    facts = rows.select([*model.rows.key, ASKED_AT, LABEL, KNOWN_AT]).to_pylist()
    answers = [
        _answer(model, version, fact, value)
        for fact, value in zip(facts, scores.tolist(), strict=True)
    ]
    table = predictions_table(project, model.name)
    write_day(table, _day_of(file), BATCH, answers, project.lake)
    return scores


def _answer(model: Model, version: str, fact: dict[str, Any], value: float) -> dict[str, Any]:
    key = json.dumps({name: fact[name] for name in model.rows.key}, default=str, sort_keys=True)
    # NaN is how a numeric column may say that there is none.
    label = None if fact[LABEL] is None or fact[LABEL] != fact[LABEL] else float(fact[LABEL])
    name = f"{model.name}\0{version}\0{key}".encode()
    return {
        "prediction_id": hashlib.sha256(name).hexdigest()[:32],
        "model": model.name,
        "version": version,
        "variant": "batch",
        "asked_at": _aware(fact[ASKED_AT]),
        "key": key,
        "score": value,
        "label": label,
        "label_at": None if label is None else _aware(fact[KNOWN_AT]),
    }


def _withdraw(table: Path, start: date, end: date, scored: set[date]) -> int:
    gone = [day for day in days_with(table, BATCH) if start <= day < end and day not in scored]
    for day in gone:
        partitions.partition(table, day, BATCH).unlink()
    return len(gone)


def _day_of(file: Path) -> date:
    return date.fromisoformat(file.parent.name.removeprefix("day="))


def _aware(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
