"""Some nights lived through by the scheduler itself, with a day's real traffic between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.deploy import airflow_settings, supervision
from perennial.errors import UnavailableError
from perennial.features.refill import refill
from perennial.keep.ledger import serving
from perennial.keep.progress import progress
from perennial.measure.metrics import METRICS
from perennial.replay.client import GatewayClient
from perennial.replay.flowing import Flow
from perennial.replay.living import days_before
from perennial.replay.nights import Night, run_night
from perennial.replay.orchestrator import Orchestrator
from perennial.replay.world import World, build


@dataclass(frozen=True)
class Lived:
    """One day and the night after it."""

    day: date
    n_answered: int
    n_refused: int
    n_labels: int
    metrics: dict[str, float]
    """Of all answers so far whose label is known, by the model's metrics."""
    night: Night


def rehearse(
    project: Project, model: str, first: date, n_nights: int, step_minutes: int
) -> Iterator[Lived]:
    """Live `n_nights` days from `first` on, each with its night; yields them as they end.

    Each day's events are posted to the gateway, its questions asked and its labels sent when they
    are known, in the order in which it all happened; then Airflow runs the night. Servers and
    Airflow must be up. Raises `UnavailableError` when they are not, or when a night takes too long.
    """
    declared = project.model(model)
    if serving(project, model) is None:
        raise UnavailableError(f"nothing serves {model}; there is no champion to live with")
    if not supervision.is_running(project):
        raise UnavailableError("nothing runs; `make up` starts the servers and Airflow")
    last = first + timedelta(days=n_nights - 1)
    before = days_before(project)
    flow = _flow(project, declared, build(project, declared, first, last, before), step_minutes)
    airflow = Orchestrator(airflow_settings.address(project), *airflow_settings.login(project))
    _begin(project, flow, _midnight(first))
    for n in range(n_nights):
        day = first + timedelta(days=n)
        n_before = len(flow.answers)
        _live(flow, day)
        night = run_night(airflow, project, model, (day + timedelta(days=1)).isoformat())
        yield Lived(
            day,
            len(flow.answers) - n_before,
            len(flow.refused),
            flow.n_labels,
            _metrics(declared, flow),
            night,
        )


def _flow(project: Project, model: Model, world: World, step_minutes: int) -> Flow:
    return Flow(
        GatewayClient(project),
        model.name,
        world.events,
        world.questions,
        world.outcomes,
        step=timedelta(minutes=step_minutes),
        is_strict=False,
    )


def _begin(project: Project, flow: Flow, moment: datetime) -> None:
    """Make the features those of the first moment, and pass over what was asked before it."""
    supervision.start_freshening_anew(project)
    flow.tell_until(moment)
    refill(project, moment)
    flow.skip_until(moment)


def _live(flow: Flow, day: date) -> None:
    end = _midnight(day + timedelta(days=1))
    with progress(f"living {day}: questions asked", flow.n_questions_until(end)) as step:
        flow.until(end, step)


def _metrics(model: Model, flow: Flow) -> dict[str, float]:
    """The metrics of all answers whose label is known; empty while there is nothing to tell."""
    known = flow.revealed()
    labels = np.array([each.label for each in known], dtype=np.float64)
    scores = np.array([flow.answers[each.key].score for each in known], dtype=np.float64)
    if labels.size < 2 or (model.task == "binary" and labels.min() == labels.max()):
        return {}
    return {name: float(METRICS[name].function(labels, scores)) for name in model.judge.metrics}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
