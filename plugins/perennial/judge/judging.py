"""The stage `judge`: may the candidate serve?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.declare.reading import nearest
from perennial.errors import ContractBrokenError, DeclarationError, NotEnoughEvidenceError
from perennial.judge import verdict
from perennial.judge.baselines import baseline_scores
from perennial.judge.champion import champion_folder
from perennial.judge.comparing import Comparer
from perennial.judge.judged import Check, Judged, Opponent, Slice, Value, finite
from perennial.judge.plots import write_plots
from perennial.keep import locks
from perennial.keep.progress import progress
from perennial.learn.loading import parse_model
from perennial.learn.version_files import VersionFiles, read
from perennial.train.candidate import read_candidate
from perennial.train.labelled_rows import LabelledRows, read_labelled


@dataclass
class _Found:
    """What judging finds, as it goes."""

    champion: str | None = None
    metrics: dict[str, Value] = field(default_factory=dict)
    opponents: list[Opponent] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


def judge(model: str, at: str, *, project: Project | None = None) -> Judged:
    """Judge the candidate on the `judge.days` days before `at`, by labels known at 00:00 UTC of it.

    Reads the candidate, `data/lake/training/<model>` and what serves now; writes plots below
    `var/reports/plots/<model>`. Blessed only if every answer is a number, every limit is met, every
    baseline and the champion are beaten beyond doubt on the primary metric (or the champion is
    missed by no more than the declared margin). Twice is the same as once.

    Raises NotEnoughEvidenceError when the judged days are not after those learned from, or have
    no rows; IntegrityError when a file of either model differs from its digest.
    """
    project = project or Project.find()
    declared, end = project.model(model), date.fromisoformat(at)
    start = end - timedelta(days=declared.judge.days)
    with (
        locks.exclusive(project.var / "locks", f"judge-{model}"),
        progress(f"judge {model}", total=None),
    ):
        candidate = read_candidate(project, model)
        window = window_of(candidate)
        if start < window[1]:
            raise NotEnoughEvidenceError(
                f"model {model}: the candidate learned from {window[0]} <= day < {window[1]}, "
                f"so it cannot be judged on {start} <= day < {end}: judge at {window[1]} plus "
                f"{declared.judge.days} days or later (judge.days), or train for an earlier date"
            )
        judged = read_labelled(project, declared, start, end, known_by=end)
        found = _find(project, declared, candidate, judged)
    word, reasons = verdict.decide(found.checks)
    return Judged(
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


def window_of(version: VersionFiles) -> tuple[date, date]:
    """The days `start <= day < end` that a version learned from."""
    story = json.loads(version.files["training.json"])
    return date.fromisoformat(story["window_start"]), date.fromisoformat(story["window_end"])


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
    comparer = Comparer(model, judged, scores)
    found.metrics, found.slices = comparer.metrics(), comparer.slices()
    found.checks += verdict.check_limits(found.metrics, model.judge)
    found.checks += _baselines(project, model, candidate, comparer, found)
    found.checks.append(_champion(project, model, candidate, comparer, found))
    write_plots(project, model, judged, scores)
    return found


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


def _baselines(
    project: Project, model: Model, candidate: VersionFiles, comparer: Comparer, found: _Found
) -> Iterator[Check]:
    start, end = window_of(candidate)
    learned = read_labelled(project, model, start, end, known_by=end)
    for each in model.judge.baselines:
        scores = baseline_scores(project, model, each, comparer.judged, learned)
        opponent = comparer.beside(each.name, False, scores)
        found.opponents.append(opponent)
        beside = opponent.metrics[model.judge.primary]
        yield verdict.check_baseline(each.name, beside, model.judge)


def _champion(
    project: Project, model: Model, candidate: VersionFiles, comparer: Comparer, found: _Found
) -> Check:
    folder = champion_folder(project, model.name)
    if folder is None:
        return verdict.check_no_champion()
    champion = read(folder)
    found.champion = champion.version
    if champion.digest == candidate.digest:
        return verdict.check_same_version(champion.version)
    try:
        scores = parse_model(champion).predict(comparer.judged.features)
    except ContractBrokenError as error:
        return verdict.check_not_comparable(champion.version, str(error))
    if not np.isfinite(scores).all():
        return verdict.check_not_comparable(champion.version, "some answers are not numbers")
    opponent = comparer.beside(champion.version, True, scores)
    found.opponents.append(opponent)
    beside = opponent.metrics[model.judge.primary]
    return verdict.check_champion(champion.version, beside, model.judge)
