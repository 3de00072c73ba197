"""The stage `optimize`: which form of the candidate goes on."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import NotEnoughEvidenceError
from perennial.keep import locks
from perennial.keep.files import replace_text
from perennial.keep.progress import progress
from perennial.learn.contract import Evidence
from perennial.learn.version_files import VersionFiles
from perennial.optimize.choosing import choose
from perennial.optimize.keeping import Begun, begin, keep_form, keep_original, register
from perennial.optimize.optimized import ORIGINAL, Optimized
from perennial.optimize.trials import Trials
from perennial.train.champion import learned_days, trained_at
from perennial.train.labelled_rows import LabelledRows, read_labelled
from perennial.train.unseen_days import first_unseen


def optimize(model: str, at: str, *, project: Project | None = None) -> Optimized:
    """Make the declared variants of the candidate, measure each, and let the best one go on.

    Measured is on the days before `at` that the candidate has not learned from, by labels known
    at 00:00 UTC of it, and in a process that loads each form as its slot would. It is the largest
    saving (`optimize.saving`) that goes on, of those forms that lose no more than
    `optimize.max_metric_drop` beyond doubt; the original where none qualifies.

    Reads the candidate and `data/lake/training/<model>`; writes the report to
    `var/reports/optimize/<model>.json`, and, where variants are declared, the candidate
    `var/models/<model>/candidate` (whole or not at all) with the report beside it, and a version
    in MLflow for another form. Twice is the same as once: an optimized candidate carries its
    report, which is given again while the declaration and `at` are the same.

    Raises UnavailableError when there is no candidate, or it does not come up in its process.
    """
    project = project or Project.find()
    declared, night = project.model(model), date.fromisoformat(at)
    with (
        locks.exclusive(project.var / "locks", f"optimize-{model}", wait_seconds=600),
        progress(f"optimize {model}", total=len(declared.optimize.variants) or None) as step,
    ):
        begun = begin(project, model)
        if not declared.optimize.variants:
            keep_original(project, model, begun)
            why = "no variants are declared, so the candidate goes on as it was trained"
            report = _as_trained(declared, night, begun.trained, why)
        elif begun.known is not None and _is_same(begun.known, declared, night):
            report = begun.known
        else:
            report = _best(project, declared, night, begun, step)
        register(project, report)
    replace_text(report_file(project, model), report.model_dump_json(indent=2) + "\n")
    return report


def report_file(project: Project, model: str) -> Path:
    """Where the report about a model's candidate is kept."""
    return project.var / "reports" / "optimize" / f"{model}.json"


def _is_same(known: Optimized, model: Model, at: date) -> bool:
    asked = (model.optimize, model.judge.primary, at)
    return (known.declared, known.primary, known.at) == asked


def _as_trained(model: Model, at: date, trained: VersionFiles, why: str) -> Optimized:
    return Optimized(
        model=model.name,
        at=at,
        version=trained.version,
        digest=trained.digest,
        chosen=ORIGINAL,
        why=why,
        trained=trained.digest,
        declared=model.optimize,
        primary=model.judge.primary,
    )


def _best(project: Project, model: Model, at: date, begun: Begun, step: Any) -> Optimized:
    trained = begun.trained
    try:
        rows = _held_out(project, model, trained, at)
    except NotEnoughEvidenceError as error:
        report = _as_trained(model, at, trained, f"nothing can be measured: {error}")
        keep_form(project, begun, report, {})
        return report

    def learned() -> Evidence:
        """Reads them only for those variants that learn."""
        known = read_labelled(project, model, *learned_days(trained), known_by=trained_at(trained))
        return Evidence(known.features, known.labels, known.days)

    trials = Trials(model, trained, rows, learned)
    tried = [trials.original]
    for name in model.optimize.variants:
        tried.append(trials.of(name))
        step(1)
    forms = [each.form for each in tried]
    chosen, why = choose(forms, model.optimize)
    digest = chosen.digest or trained.digest
    report = _as_trained(model, at, trained, why).model_copy(
        update={
            "version": digest[:12],
            "digest": digest,
            "chosen": chosen.name,
            "measured_from": rows.start,
            "measured_until": at,
            "n_rows": rows.n_rows,
            "n_days": int(np.unique(rows.days).size),
            "forms": tuple(forms),
        }
    )
    keep_form(project, begun, report, tried[forms.index(chosen)].files)
    return report


def _held_out(project: Project, model: Model, trained: VersionFiles, at: date) -> LabelledRows:
    start = first_unseen(model, learned_days(trained), at)
    rows = read_labelled(project, model, start, at, known_by=at)
    asked = model.judge.min_rows
    if rows.n_rows < asked:
        raise NotEnoughEvidenceError(
            f"{rows.n_rows} rows have a known label, judge.min_rows asks for {asked}"
        )
    if model.task == "binary" and rows.labels.min() == rows.labels.max():
        raise NotEnoughEvidenceError(
            f"all {rows.n_rows} known labels are {rows.labels[0]:g}; two classes are needed"
        )
    return rows
