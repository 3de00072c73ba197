"""The stage `watch`: what changed on the night's days, and whether it matters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep import locks
from perennial.keep.files import replace_text
from perennial.keep.progress import progress
from perennial.watch import columns_of, verdict
from perennial.watch.answering import answered
from perennial.watch.champion import Champion, champion_of
from perennial.watch.compared import compare
from perennial.watch.page import N_NIGHTS, page
from perennial.watch.performance import (
    LOOK_BACK_DAYS,
    Settled,
    performance,
    settled_days,
)
from perennial.watch.persistence import nights_out
from perennial.watch.quality import data_findings
from perennial.watch.reports import nights_before, page_file, report_file
from perennial.watch.rows import Rows, read_rows
from perennial.watch.watched import Compared, Finding, Performance, Watched


@dataclass
class _Found:
    """What watching finds, as it goes."""

    findings: list[Finding] = field(default_factory=list)
    columns: list[Compared] = field(default_factory=list)
    performance: tuple[Performance, ...] = ()
    settled: Settled = field(default_factory=lambda: Settled(None, None, None))


def watch(model: str, at: str, *, project: Project | None = None) -> Watched:
    """Look at the `watch.days` days before `at`, beside what the champion learned from.

    Reads `data/lake/training/<model>` by the labels known at 00:00 UTC of `at`, what serves now,
    the kept reports of the nights before, and folds the journals of live answers into
    `data/lake/predictions`. Writes `var/reports/watch/<model>/<at>.json` and a page beside it.
    Twice is the same as once.

    Where there is too little to tell, the state is unknown and never quiet: nothing serves, no
    rows, fewer than `watch.min_rows`, nothing but missing values. Raises IntegrityError when the
    champion's files differ from their digest.
    """
    project = project or Project.find()
    declared, night = project.model(model), date.fromisoformat(at)
    with (
        locks.exclusive(project.var / "locks", f"watch-{model}", wait_seconds=600),
        progress(f"watch {model}", total=None),
    ):
        report = _watch(project, declared, night)
        before = nights_before(project, model, night, N_NIGHTS - 1)
        replace_text(page_file(project, model, night), page(report, before, declared))
        content = report.model_dump_json(indent=2) + "\n"
        replace_text(report_file(project, model, night), content)
    return report


def _watch(project: Project, model: Model, at: date) -> Watched:
    start = at - timedelta(days=model.watch.days)
    current = read_rows(project, model, start, at, known_by=at)
    champion = champion_of(project, model.name)
    found = _Found()
    if champion is None:
        found.findings.append(_nothing_serves(model))
    else:
        _look(project, model, champion, current, at, found)
    answers = answered(project, model, start, at)
    primary = verdict.performance_state(found.performance, model.judge.primary)
    is_enough = current.n_rows >= model.watch.min_rows
    found.findings += verdict.service_findings(answers)
    state = verdict.state_of(found.findings, found.columns, is_enough, primary)
    return Watched(
        model=model.name,
        at=at,
        version=champion.version if champion else None,
        reference_from=champion.window[0] if champion else None,
        reference_until=champion.window[1] if champion else None,
        watched_from=start,
        watched_until=at,
        n_rows=current.n_rows,
        n_labelled=int(current.has_label.sum()),
        state=state,
        is_real=verdict.is_real(state, found.findings, primary),
        findings=tuple(found.findings),
        columns=tuple(found.columns),
        performance_from=found.settled.start,
        performance_until=found.settled.end,
        performance=found.performance,
        answered=answers,
    )


def _look(
    project: Project, model: Model, champion: Champion, current: Rows, at: date, found: _Found
) -> None:
    reference = read_rows(project, model, *champion.window, known_by=at)
    recent = read_rows(project, model, _first_recent(model, champion, at), at, known_by=at)
    usual = float(reference.is_settled.mean()) if reference.n_rows else 0.0
    settled = settled_days(recent, usual, model.watch.performance_days)
    scores = columns_of.scores_of(champion.learner, settled.rows) if settled.rows else np.empty(0)
    found.settled = settled
    _compare(project, model, champion, (reference, current), settled_days(
        recent, usual, model.watch.days), at, found)  # fmt: skip
    found.performance = performance(model, settled, scores, champion.expected, _spread(reference))
    found.findings += verdict.performance_findings(
        found.performance, model.judge.primary, champion.version
    )


def _spread(reference: Rows) -> float:
    labels = reference.labels[reference.has_label]
    return float(labels.std()) if labels.size else 0.0


def _first_recent(model: Model, champion: Champion, at: date) -> date:
    """From here on days tell the performance: none that the champion learned from."""
    look_back = timedelta(days=model.watch.performance_days + LOOK_BACK_DAYS)
    return max(at - look_back, min(champion.window[1], at))


def _compare(
    project: Project,
    model: Model,
    champion: Champion,
    periods: tuple[Rows, Rows],
    labelled: Settled,
    at: date,
    found: _Found,
) -> None:
    reference, current = periods
    if not reference.n_rows:
        found.findings.append(_no_reference(champion))
        return
    features = columns_of.features(model, champion, reference, current)
    some, old = columns_of.reference_scores(champion.learner, reference)
    new = columns_of.scores_of(champion.learner, current)
    roles = [features, [columns_of.predictions(some, current, old, new)]]
    if labelled.rows is not None:
        roles.append([columns_of.labels(model, reference.take(reference.has_label), labelled.rows)])
    before = nights_before(project, model.name, at, model.watch.persistence.of - 1)
    out = nights_out(before, champion.version)
    for columns in roles:
        found.columns += compare(columns, model.watch, out)
    found.findings += data_findings(project, model.watch, reference, current, features)
    found.findings += verdict.drift_findings(found.columns, model.watch)


def _nothing_serves(model: Model) -> Finding:
    return Finding(
        kind="service", level="unknown", subject=model.name,
        sentence="nothing serves, so there is no reference to compare with",
    )  # fmt: skip


def _no_reference(champion: Champion) -> Finding:
    start, end = champion.window
    return Finding(
        kind="data_quality", level="unknown", subject="reference",
        sentence=f"the days that {champion.version} learned from ({start} to {end}) are not in "
        "the lake any more, so there is nothing to compare with",
    )  # fmt: skip
