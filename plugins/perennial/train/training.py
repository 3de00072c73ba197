"""The stage `train`: a candidate out of what was known at a date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import orjson
from pydantic import Field

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import NotEnoughEvidenceError
from perennial.keep import files, locks
from perennial.keep.progress import progress
from perennial.keep.report import Report
from perennial.learn.contract import Curve, Evidence, Fitted
from perennial.learn.loading import fit_of
from perennial.train.candidate import replace_candidate
from perennial.train.labelled_rows import LabelledRows, read_labelled
from perennial.train.lineage import Lineage, lineage

TRAINING = "training.json"
MIN_ROWS = 100
CURVE_POINTS = 200


class Trained(Report):
    """What was learned, from what."""

    model: str
    at: date
    version: str = Field(description="The first twelve digits of the digest.")
    digest: str = Field(description="SHA-256 of the files that make the answers.")
    window_start: date
    window_end: date = Field(description="The first day that was not learned from.")
    n_rows: int
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


def train(model: str, at: str, *, project: Project | None = None) -> Trained:
    """Learn a candidate from the days before `at` and the labels known at 00:00 UTC of it.

    Reads `data/lake/training/<model>`, days `at - window_days <= day < at`. Writes the candidate
    `var/models/<model>/candidate` (whole or not at all), plots below `var/reports/plots/<model>`,
    and a run and a version in MLflow. Twice is the same as once: the same data give the same
    bytes, and a digest is registered once.

    Raises NotEnoughEvidenceError when there are too few labelled rows or days, or one class only;
    ContractBrokenError when the rows are not as the features stage promises.
    """
    project = project or Project.find()
    declared, end = project.model(model), date.fromisoformat(at)
    with locks.exclusive(project.var / "locks", f"train-{model}"):
        window = declared.train.window_days
        start = end - timedelta(days=window) if window else None
        rows = read_labelled(project, declared, start, end, known_by=end)
        made_from = lineage(project, declared, rows.start, end)
        fitted = _fit(declared, rows)
        return _keep(project, declared, rows, fitted, made_from)


def _fit(model: Model, rows: LabelledRows) -> Fitted:
    if rows.n_rows < MIN_ROWS:
        raise NotEnoughEvidenceError(
            f"model {model.name}: {rows.n_rows} rows of {rows.start} <= day < {rows.end} have a "
            f"label known by {rows.end}, at least {MIN_ROWS} are needed ({rows.n_unlabelled} have "
            f"no label, of {rows.n_not_yet_known} it was known only later)"
        )
    evidence = Evidence(rows.features, rows.labels, rows.days)
    with progress(f"train {model.name}", total=None) as step:
        return fit_of(model.train.learner)(evidence, model.task, model.train, step)


def _keep(
    project: Project, model: Model, rows: LabelledRows, fitted: Fitted, made_from: Lineage
) -> Trained:
    from perennial.train.registry import Registry

    report = _report(model, rows, fitted, made_from)
    answering = fitted.learner.save()
    story = {**report, "learning_curve": _points(fitted.curve)}
    written = orjson.dumps(story, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    digest = replace_candidate(project, model.name, answering, {TRAINING: written})
    _plots(project, model.name, fitted.curve, report["importance"])
    trained = Trained(**report, version=digest[:12], digest=digest)
    number = Registry(project).register(trained, fitted.curve)
    return trained.model_copy(update={"registered_as": number})


def _report(model: Model, rows: LabelledRows, fitted: Fitted, made_from: Lineage) -> dict[str, Any]:
    curve = fitted.curve
    return {
        "model": model.name,
        "at": rows.end,
        "window_start": rows.start,
        "window_end": rows.end,
        "n_rows": rows.n_rows,
        "n_unlabelled": rows.n_unlabelled,
        "n_not_yet_known": rows.n_not_yet_known,
        "mean_label": rows.mean_label,
        "n_features": len(fitted.learner.features),
        "n_rounds": fitted.n_rounds,
        "is_stopped_early": fitted.is_stopped_early,
        "validation_metric": curve.metric,
        "validation_loss": curve.validation[fitted.n_rounds - 1],
        "seed": model.train.seed,
        "parameters": model.train.parameters,
        "importance": fitted.learner.importance(),
        "lineage": made_from.model_dump(),
    }


def _points(curve: Curve) -> list[dict[str, float | int]]:
    """The learning curve, thinned to some 200 rounds, the last one among them."""
    n = len(curve.validation)
    rounds = sorted({*range(0, n, max(1, n // CURVE_POINTS)), n - 1})
    return [
        {
            "round": each + 1,
            "training": curve.training[each],
            "validation": curve.validation[each],
        }
        for each in rounds
    ]


def _plots(project: Project, model: str, curve: Curve, importance: dict[str, float]) -> None:
    folder = project.var / "reports" / "plots" / model
    shares = sorted(importance.items(), key=lambda each: (-each[1], each[0]))
    ranked = [{"feature": name, "share": share} for name, share in shares]
    for name, records in (("learning_curve", _points(curve)), ("importance", ranked)):
        text = orjson.dumps(records, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        files.replace_text(folder / f"{name}.json", text.decode())
