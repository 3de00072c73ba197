"""What watch would find on a night, without reading again what has not changed since."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np

from perennial.declare.model import Model
from perennial.keep.files import replace_text
from perennial.learn.contract import FloatArray
from perennial.replay.policies.days import Days, days_before
from perennial.replay.policies.reference import Reference
from perennial.replay.policies.world import World
from perennial.watch import verdict
from perennial.watch.champion import Champion
from perennial.watch.columns_of import scores_of
from perennial.watch.compared import compare
from perennial.watch.performance import LOOK_BACK_DAYS, Settled, performance, settled_days
from perennial.watch.persistence import nights_out
from perennial.watch.quality import data_findings
from perennial.watch.reports import nights_before, report_file
from perennial.watch.rows import Rows, read_rows
from perennial.watch.watched import Answered, Compared, Finding, Watched

UNSEEN = Finding(
    kind="service", level="note", subject="replay",
    sentence="the policy does not look at what watch finds, so nothing was watched",
)  # fmt: skip


class Eyes:
    """Watch's own comparisons for one policy's world.

    They are those of the stage with one difference: a champion's reference is read on the first
    night on which it is looked at, with the labels known by then, and kept for as long as it
    serves.
    """

    def __init__(self, world: World, model: Model, days: Days) -> None:
        self.world, self.model, self.days = world, model, days
        # Those that decide: of the others there are but notes, which no policy reads.
        names = {model.judge.primary, verdict.RANKING}
        metrics = tuple(each for each in model.judge.metrics if each in names)
        judge = model.judge.model_copy(update={"metrics": metrics})
        self.deciding = model.model_copy(update={"judge": judge})
        self.reference: Reference | None = None
        self.scores: dict[date, FloatArray] = {}

    def look(self, champion: Champion, night: date, columns: bool = True) -> Watched:
        """Write the night's report where the stage writes it, and return it.

        With `columns` false only the performance is looked at.
        """
        reference = self._reference_of(champion, night)
        current = self.days.rows(days_before(night, self.model.watch.days), night, night)
        settled = self._settled(champion, reference, night, self.model.watch.performance_days)
        scores = np.asarray(settled.rows.features["score"]) if settled.rows else np.empty(0)
        found = performance(self.deciding, settled, scores, champion.expected, reference.spread)
        findings: list[Finding] = []
        compared: list[Compared] = []
        if columns:
            compared = self._compare(champion, reference, current, night)
            findings += data_findings(
                self.world, self.model.watch, reference.rows, current, self._features
            )
            findings += verdict.drift_findings(compared, self.model.watch)
        findings += verdict.performance_findings(found, self.model.judge.primary, champion.version)
        primary = verdict.performance_state(found, self.model.judge.primary)
        is_enough = current.n_rows >= self.model.watch.min_rows
        state = verdict.state_of(findings, compared, is_enough, primary)
        report = _report(
            self.model, champion, night, state=state, findings=tuple(findings),
            columns=tuple(each.model_copy(update={"shape": None}) for each in compared),
            performance=found, performance_from=settled.start, performance_until=settled.end,
            n_rows=current.n_rows, n_labelled=int(current.has_label.sum()),
            is_real=verdict.is_real(state, findings, primary),
        )  # fmt: skip
        return write(self.world, report)

    def answer(self, champion: Champion, day: date) -> FloatArray:
        """The champion's answers to all questions of a day (n,)."""
        found = self.scores.get(day)
        if found is None:
            rows = self.days.rows(day, day + timedelta(days=1), day)
            found = self.scores[day] = scores_of(champion.learner, rows)
            self.scores.pop(day - timedelta(days=self.days.n_kept), None)  # nobody looks back on it
        return found

    def forget(self) -> None:
        """Another version answers from now on."""
        self.reference, self.scores = None, {}

    def _reference_of(self, champion: Champion, night: date) -> Reference:
        if self.reference is None:
            rows = read_rows(self.world, self.model, *champion.window, known_by=night)
            self.reference = Reference(self.model, champion, rows)
        return self.reference

    def _settled(self, champion: Champion, known: Reference, night: date, n_days: int) -> Settled:
        """The last days with known labels, with the champion's answers in place of features."""
        import pyarrow as pa

        start = days_before(night, self.model.watch.performance_days + LOOK_BACK_DAYS)
        start = max(start, min(champion.window[1], night))
        recent: dict[date, Any] = {
            day: pa.table({"score": self.answer(champion, day)})
            for day in (start + timedelta(days=n) for n in range((night - start).days))
        }
        rows = self.days.rows(start, night, night, recent)
        return settled_days(rows, known.usual, n_days)

    def _compare(
        self, champion: Champion, reference: Reference, current: Rows, night: date
    ) -> list[Compared]:
        watch = self.model.watch
        roles = reference.columns(current, scores_of(champion.learner, current))
        self._features = roles[0]
        labelled = self._settled(champion, reference, night, watch.days)
        if labelled.rows is not None:
            roles.append(reference.label_column(labelled.rows.labels))
        before = nights_before(self.world, self.model.name, night, watch.persistence.of - 1)
        out = nights_out(before, champion.version)
        return [each for columns in roles for each in compare(columns, watch, out)]


def unseen(world: World, model: Model, champion: Champion, night: date) -> Watched:
    """The report of a night on which nobody looks: its state is unknown, and it says why."""
    return write(world, _report(model, champion, night, state="unknown", findings=(UNSEEN,)))


def write(world: World, report: Watched) -> Watched:
    """Keep a report where `decide` finds it."""
    path = report_file(world, report.model, report.at)
    replace_text(path, report.model_dump_json() + "\n")
    return report


def _report(model: Model, champion: Champion, night: date, **found: Any) -> Watched:
    given: dict[str, Any] = {
        "model": model.name, "at": night, "version": champion.version,
        "reference_from": champion.window[0], "reference_until": champion.window[1],
        "watched_from": days_before(night, model.watch.days), "watched_until": night,
        "n_rows": 0, "n_labelled": 0, "is_real": None, "columns": (), "performance": (),
        "performance_from": None, "performance_until": None, "answered": Answered(), **found,
    }  # fmt: skip
    return Watched(**given)
