"""The stage `judge`: may the candidate serve?"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.declare.reading import nearest
from perennial.errors import DeclarationError
from perennial.judge import verdict
from perennial.judge.baselines import baseline_scores
from perennial.judge.champion import ask_champion
from perennial.judge.comparing import compare_all
from perennial.judge.judged import Check, Judged, Opponent, Slice, Value, finite
from perennial.judge.plots import write_plots
from perennial.judge.slicing import slices_of
from perennial.keep import locks
from perennial.keep.files import replace_text
from perennial.keep.progress import progress
from perennial.learn.contract import FloatArray
from perennial.learn.loading import parse_model
from perennial.learn.version_files import VersionFiles
from perennial.train.candidate import read_candidate
from perennial.train.champion import learned_days
from perennial.train.labelled_rows import LabelledRows, read_labelled
from perennial.train.unseen_days import first_unseen


@dataclass
class _Found:
    """What judging finds, as it goes."""

    champion: str | None = None
    metrics: dict[str, Value] = field(default_factory=dict)
    opponents: list[Opponent] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


def judge(model: str, at: str, *, project: Project | None = None) -> Judged:
    """Judge the candidate on the days before `at`, by labels known at 00:00 UTC of it.

    Judged are the last `judge.days` days that it has not learned from, `judge.held_back_days` at
    least.

    Reads the candidate, `data/lake/training/<model>` and what serves now; writes the report to
    `var/reports/judge/<model>.json`, its numbers to `var/reports/metrics/<model>.json` and plots
    below `var/reports/plots/<model>`. Blessed only if
    every answer is a number, every limit is met, every baseline and the champion are beaten beyond
    doubt on the primary metric (or the champion is missed by no more than the declared margin).
    Twice is the same as once.

    Raises NotEnoughEvidenceError when there are too few days since those learned from, or they
    have no rows; IntegrityError when a file of either model differs from its digest.
    """
    project = project or Project.find()
    declared, end = project.model(model), date.fromisoformat(at)
    with (
        locks.exclusive(project.var / "locks", f"judge-{model}"),
        progress(f"judge {model}", total=None),
    ):
        candidate = read_candidate(project, model)
        window = learned_days(candidate)
        start = first_unseen(declared, window, end)
        judged = read_labelled(project, declared, start, end, known_by=end)
        found = _find(project, declared, candidate, judged)
    word, reasons = verdict.decide(found.checks)
    report = Judged(
        model=model,
        at=end,
        verdict=word,
        reasons=reasons,
        version=candidate.version,
        digest=candidate.digest,
        learned_from=window[0],
        learned_until=window[1],
        judged_from=start,
        judged_until=end,
        n_rows=judged.n_rows,
        n_days=int(np.unique(judged.days).size),
        n_unlabelled=judged.n_unlabelled,
        n_not_yet_known=judged.n_not_yet_known,
        mean_label=finite(judged.mean_label),
        champion=found.champion,
        primary=declared.judge.primary,
        metrics=found.metrics,
        opponents=tuple(found.opponents),
        slices=tuple(found.slices),
        checks=tuple(found.checks),
    )
    replace_text(report_file(project, model), report.model_dump_json(indent=2) + "\n")
    replace_text(metrics_file(project, model), json.dumps(_compact(report), indent=2) + "\n")
    return report


def report_file(project: Project, model: str) -> Path:
    """Where the judgement of a model's candidate is kept."""
    return project.var / "reports" / "judge" / f"{model}.json"


def metrics_file(project: Project, model: str) -> Path:
    """Where the judgement's numbers are kept, few enough to compare at a glance."""
    return project.var / "reports" / "metrics" / f"{model}.json"


def _compact(report: Judged) -> dict[str, Any]:
    """The verdict, the candidate's metrics, and the primary one of each opponent."""
    beaten = {
        each.name if each.kind == "baseline" else each.kind: each.metrics[
            report.primary
        ].opponent.estimate
        for each in report.opponents
    }
    metrics = {name: value.estimate for name, value in report.metrics.items()}
    return {
        "verdict": report.verdict,
        "n_rows": report.n_rows,
        **metrics,
        f"{report.primary}_of": beaten,
    }


def _find(project: Project, model: Model, candidate: VersionFiles, judged: LabelledRows) -> _Found:
    found = _Found()
    _check_columns(model, judged)
    scores = parse_model(candidate).predict(judged.features)
    n_days = int(np.unique(judged.days).size)
    for check in (
        verdict.check_scores(scores),
        verdict.check_evidence(judged.labels, n_days, model.task, model.judge),
    ):
        found.checks.append(check)
        if check.outcome != "passed":
            return found
    _compare(project, model, candidate, judged, scores, found)
    found.slices = slices_of(model, judged, scores)
    write_plots(project, model, judged, scores)
    return found


def _compare(
    project: Project,
    model: Model,
    candidate: VersionFiles,
    judged: LabelledRows,
    scores: FloatArray,
    found: _Found,
) -> None:
    window = learned_days(candidate)
    opponents = baseline_scores(project, model, window, judged)
    champion = ask_champion(project, model.name, candidate, judged)
    found.champion = champion.version
    if champion.version is not None and champion.scores is not None:
        opponents[champion.version] = champion.scores
    compared = compare_all(model, judged, scores, opponents, champion.version)
    found.metrics, found.opponents = compared.metrics, list(compared.opponents.values())
    found.checks += verdict.check_limits(found.metrics, model.judge)
    for name, opponent in compared.opponents.items():
        beside = opponent.metrics[model.judge.primary]
        if name == champion.version:
            seen = champion.learned_until
            check = verdict.check_champion(name, beside, model.judge)
            found.checks.append(verdict.allow_for_seen_days(check, name, seen, judged.start))
        else:
            found.checks.append(verdict.check_baseline(name, beside, model.judge))
    if champion.check is not None:
        found.checks.append(champion.check)


def _check_columns(model: Model, judged: LabelledRows) -> None:
    known = judged.features.column_names
    declared = {"judge.slices": model.judge.slices}
    declared |= {f"judge.baselines.{each.name}": each.columns for each in model.judge.baselines}
    mistakes = [
        f"models/{model.name}.yaml: {where}: {name!r} is not a feature of the model"
        f"{nearest(name, known)} (it has: {', '.join(known)})"
        for where, names in declared.items()
        for name in names
        if name not in known
    ]
    if mistakes:
        raise DeclarationError(mistakes)
