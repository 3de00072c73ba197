"""Lives one past day through the gateway, in the order in which it happened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.deploy import supervision
from perennial.errors import UnavailableError
from perennial.features.freshener import fresh_views
from perennial.features.refill import refill
from perennial.features.repository import open_store
from perennial.keep import partitions
from perennial.keep.ledger import Serving, bento_folder, serving
from perennial.keep.progress import progress
from perennial.keep.report import Report
from perennial.learn.contract import FloatArray
from perennial.replay.client import GatewayClient
from perennial.replay.flowing import Answer, Flow, Key
from perennial.replay.timeline import events_of, questions_of


class Lived(Report):
    """What came of a day's events and questions."""

    model: str
    day: str
    version: str
    n_events: int
    n_questions: int
    n_equal_to_offline: int
    largest_difference: float
    n_labelled: int
    metrics: dict[str, float]


def live(model: str, day: str, *, project: Project | None = None) -> Lived:
    """Post the events of `day` and ask its questions, each at its own moment.

    The online store is filled as of the first question (it shows that day afterwards), and before
    each question everything that was known by then is in the features. Every answer is
    compared with what the same version says offline about the row in `data/lake/training`.
    Raises `UnavailableError` when the gateway does not answer or the day is not in the lake.
    """
    project = project or Project.find()
    declared = project.model(model)
    now = serving(project, model)
    if now is None:
        raise UnavailableError(f"nothing serves {model}; run `dvc repro` and `perennial up`")
    if not supervision.is_running(project):
        raise UnavailableError("nothing runs; `perennial up` starts the gateway and its slots")
    questions = questions_of(project, declared, date.fromisoformat(day))
    events = events_of(project, date.fromisoformat(day), days_before(project))
    supervision.start_freshening_anew(project)
    flow = Flow(GatewayClient(project), model, events, questions)
    flow.tell_until(questions[0].at)
    # Only now: what those events alone say of a quiet entity lacks what was before them.
    refill(project, questions[0].at)
    _through_the_day(project, flow)
    return _compared(project, declared, now, day, len(events), flow.answers)


def days_before(project: Project) -> int:
    """How many days before the lived one the fresh views look back on."""
    views = fresh_views(open_store(project))
    return math.ceil(max((view.hours for view in views), default=0) / 24)


def _through_the_day(project: Project, flow: Flow) -> None:
    """Ask everything; at midnight the slow views turn to the new day."""
    questions = flow.questions
    end = questions[-1].at + timedelta(seconds=1)
    turn = datetime.combine(questions[-1].at.astimezone(UTC).date(), datetime.min.time(), UTC)
    with progress(f"living {questions[-1].at:%Y-%m-%d}: questions asked", len(questions)) as step:
        if questions[0].at < turn:
            flow.until(turn, step)
            refill(project, turn, only_slow=True)
        flow.until(end, step)


def _compared(
    project: Project,
    model: Model,
    now: Serving,
    day: str,
    n_events: int,
    answers: dict[Key, Answer],
) -> Lived:
    import numpy as np
    import pyarrow.parquet as pq

    from perennial.measure.metrics import METRICS

    file = partitions.partition(project.lake / "training" / model.name, date.fromisoformat(day))
    table = pq.ParquetFile(file).read()
    keys = list(zip(*(table[key].to_pylist() for key in model.rows.key), strict=True))
    online = np.array([answers[key].score for key in keys])
    versions = [answers[key].version for key in keys]
    difference = np.abs(online - offline_answers(project, model, table, versions))
    labels = table["label"].to_numpy(zero_copy_only=False)
    known = ~np.isnan(labels)
    metrics = {
        name: float(METRICS[name].function(labels[known], online[known]))
        for name in model.judge.metrics
    }
    return Lived(
        model=model.name,
        day=day,
        version=now.version,
        n_events=n_events,
        n_questions=len(answers),
        n_equal_to_offline=int((difference <= 1e-9).sum()),
        largest_difference=float(difference.max()),
        n_labelled=int(known.sum()),
        metrics=metrics,
    )


def offline_answers(
    project: Project, model: Model, table: Any, versions: Sequence[str]
) -> FloatArray:
    """What each row of a table (n,) is answered by the version named for it (n,).

    During a release two versions answer, and each is held to its own files.
    """
    import numpy as np

    from perennial.learn.loading import load_model

    offline = np.full(len(versions), np.nan)
    for version in sorted(set(versions)):
        places = np.flatnonzero(np.array(versions) == version)
        learner = load_model(bento_folder(project, model.name, version) / "src" / "model")
        offline[places] = learner.predict(table.take(places).select(list(learner.features)))
    return offline
