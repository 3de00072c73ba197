"""The stage `train`: a candidate out of what was known at a date."""

from __future__ import annotations

from datetime import timedelta

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import NotEnoughEvidenceError
from perennial.keep import locks
from perennial.keep.progress import progress
from perennial.learn.contract import Evidence
from perennial.learn.loading import fit_of
from perennial.train.asking import asked_for
from perennial.train.checkpoints import checkpoint
from perennial.train.keeping import keep
from perennial.train.labelled_rows import LabelledRows, read_labelled
from perennial.train.lineage import lineage
from perennial.train.recalibrating import recalibrate
from perennial.train.recent import MIN_ROWS
from perennial.train.remembering import remember
from perennial.train.trained import Asked, Learned, Trained
from perennial.train.transferring import transfer
from perennial.train.updating import update


def train(
    model: str,
    at: str,
    until: str = "",
    strategy: str = "",
    window_days: str = "",
    *,
    project: Project | None = None,
) -> Trained:
    """Learn a candidate from the days before `until` and the labels known at 00:00 UTC of `at`.

    `until` is `at` unless given, `strategy` (see `declare.strategies.MEANING`) and `window_days`
    are the declared ones. There are three kinds. stateless: from scratch, on the window or all
    history. stateful: what serves goes on with `window_days` recent days (`train.update.days`);
    where it is only declared, the first version of all is learned from scratch. recalibrate: only
    the level of the answers is fitted. combined is one of the first two, by what serves.

    Reads `data/lake/training/<model>` and, but for stateless, what serves. Writes the candidate
    `var/models/<model>/candidate` (whole or not at all), plots below `var/reports/plots/<model>`,
    and a run and a version in MLflow. Twice is the same as once: the same data give the same
    bytes, and a digest is registered once. One that was killed goes on from its checkpoint.

    Raises NotEnoughEvidenceError when there are too few labelled rows or days, or one class only,
    or every update forgets too much; UnavailableError when there is no champion to go on from;
    ContractBrokenError when the rows are not as the features stage promises.
    """
    project = project or Project.find()
    declared = project.model(model)
    asked = asked_for(project, declared, at, until, strategy, window_days)
    learn = {"stateless": _afresh, "stateful": update, "recalibrate": recalibrate}[asked.strategy]
    with locks.exclusive(project.var / "locks", f"train-{model}"):
        return keep(project, declared, asked, learn(project, declared, asked))


def _afresh(project: Project, model: Model, asked: Asked) -> Learned:
    start = asked.until - timedelta(days=asked.window_days) if asked.window_days else None
    rows = read_labelled(project, model, start, asked.until, known_by=asked.at)
    _enough(model, rows, asked)
    made_from = lineage(project, model, rows.start, asked.until)
    evidence = Evidence(rows.features, rows.labels, rows.days)
    with (
        checkpoint(project, model, asked, made_from) as folder,
        progress(f"train {model.name}", total=None) as step,
    ):
        if asked.is_transfer:
            fitted, parent = transfer(project, model, evidence, step, folder)
        else:
            fit, parent = fit_of(model.train.learner), None
            fitted = fit(evidence, model.task, model.train, step, folder)
        state = remember(model, fitted.learner, evidence, {})
    return Learned(
        rows=rows,
        fitted=fitted,
        made_from=made_from,
        window_start=rows.start,
        parent=parent,
        why=f"transfer from {parent}" if parent else "from scratch",
        way="transfer" if parent else "window" if asked.window_days else "full",
        state=state,
    )


def _enough(model: Model, rows: LabelledRows, asked: Asked) -> None:
    if rows.n_rows < MIN_ROWS:
        raise NotEnoughEvidenceError(
            f"model {model.name}: {rows.n_rows} rows of {rows.start} <= day < {rows.end} have a "
            f"label known by {asked.at}, at least {MIN_ROWS} are needed ({rows.n_unlabelled} have "
            f"no label, of {rows.n_not_yet_known} it was known only later)"
        )
