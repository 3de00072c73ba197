"""The stage `train`: a candidate out of what was known at a date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import get_args

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import NotEnoughEvidenceError
from perennial.keep import locks
from perennial.keep.ledger import serving
from perennial.keep.progress import progress
from perennial.learn.contract import Evidence, Fitted
from perennial.learn.loading import fit_of
from perennial.train.keeping import keep
from perennial.train.labelled_rows import LabelledRows, read_labelled
from perennial.train.lineage import lineage
from perennial.train.recalibrating import recalibrate
from perennial.train.recent import MIN_ROWS
from perennial.train.trained import Asked, Learned, Strategy, Trained
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

    `until` is `at` unless given, `strategy` and `window_days` are the declared ones. stateless:
    from scratch, on the window (all history when none is declared). stateful: what serves goes on
    with `window_days` recent days (`train.update.days`); where it is only declared, the first
    version of all is learned from scratch. recalibrate: only the level of the answers is fitted.

    Reads `data/lake/training/<model>` and, but for stateless, what serves. Writes the candidate
    `var/models/<model>/candidate` (whole or not at all), plots below `var/reports/plots/<model>`,
    and a run and a version in MLflow. Twice is the same as once: the same data give the same
    bytes, and a digest is registered once.

    Raises NotEnoughEvidenceError when there are too few labelled rows or days, or one class only,
    or every update forgets too much; UnavailableError when there is no champion to go on from;
    ContractBrokenError when the rows are not as the features stage promises.
    """
    project = project or Project.find()
    declared = project.model(model)
    asked = _asked(declared, at, until, strategy or _declared(project, declared), window_days)
    learn = {"stateless": _afresh, "stateful": update, "recalibrate": recalibrate}[asked.strategy]
    with locks.exclusive(project.var / "locks", f"train-{model}"):
        return keep(project, declared, asked, learn(project, declared, asked))


def _declared(project: Project, model: Model) -> Strategy:
    return model.train.strategy if serving(project, model.name) else "stateless"


def _asked(model: Model, at: str, until: str, strategy: str, window_days: str) -> Asked:
    accepted = get_args(Strategy)
    if strategy not in accepted:
        raise ValueError(f"strategy must be one of {', '.join(accepted)}, got {strategy!r}")
    chosen: Strategy = next(each for each in accepted if each == strategy)
    window = model.train.window_days if chosen == "stateless" else None
    if window_days:
        if not window_days.isdecimal() or int(window_days) < 1:
            raise ValueError(f"window_days must be a whole number from 1, got {window_days!r}")
        window = int(window_days)
    night = date.fromisoformat(at)
    end = date.fromisoformat(until or at)
    if end > night:
        raise NotEnoughEvidenceError(
            f"model {model.name}: until must not be after at: on the night of {night} nothing is "
            f"known of the days until {end}"
        )
    return Asked(night, end, chosen, window)


def _afresh(project: Project, model: Model, asked: Asked) -> Learned:
    start = asked.until - timedelta(days=asked.window_days) if asked.window_days else None
    rows = read_labelled(project, model, start, asked.until, known_by=asked.at)
    made_from = lineage(project, model, rows.start, asked.until)
    return Learned(rows, _fit(model, rows, asked), made_from, rows.start)


def _fit(model: Model, rows: LabelledRows, asked: Asked) -> Fitted:
    if rows.n_rows < MIN_ROWS:
        raise NotEnoughEvidenceError(
            f"model {model.name}: {rows.n_rows} rows of {rows.start} <= day < {rows.end} have a "
            f"label known by {asked.at}, at least {MIN_ROWS} are needed ({rows.n_unlabelled} have "
            f"no label, of {rows.n_not_yet_known} it was known only later)"
        )
    evidence = Evidence(rows.features, rows.labels, rows.days)
    with progress(f"train {model.name}", total=None) as step:
        return fit_of(model.train.learner)(evidence, model.task, model.train, step)
