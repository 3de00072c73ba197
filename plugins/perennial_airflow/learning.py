"""From training to release: the tasks that `nightly_<model>` and `learn` share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import TaskGroup, task

from perennial_airflow.choosing import AwaitRelease, Judge
from perennial_airflow.defaults import TRAINING_TIMEOUT
from perennial_airflow.reports import done

EITHER = "none_failed_min_one_success"
"""The trigger rule of a task to which several lanes lead, of which one is taken."""


@dataclass(frozen=True)
class Plan:
    """How to train, as templates or as values; what is left out is as declared."""

    model: str
    at: str
    until: str = ""
    strategy: str = ""
    window_days: str = ""


@task(trigger_rule=EITHER, execution_timeout=TRAINING_TIMEOUT)
def train(model: str, at: str, until: str, strategy: str, window_days: str) -> dict[str, Any]:
    """Make a candidate, by a strategy or by the decision that means one.

    The last days are held back for judging it.
    """
    from perennial.declare.project import Project
    from perennial.train import train as stage

    declared = Project.find().model(model)
    held_back = timedelta(days=declared.judge.held_back_days)
    until = until or (date.fromisoformat(at) - held_back).isoformat()
    strategy = declared.train.strategy_for(strategy) or strategy
    return done(stage(model, at, until=until, strategy=strategy, window_days=window_days))


@task(execution_timeout=TRAINING_TIMEOUT)
def optimize(model: str, at: str) -> dict[str, Any]:
    """Choose among smaller or faster variants of the candidate, where any are declared."""
    from perennial.optimize import optimize as stage

    return done(stage(model, at))


@task
def package(model: str, at: str) -> dict[str, Any]:
    """Make a signed Bento of the blessed candidate."""
    from perennial.package import package as stage

    return done(stage(model, at))


@task
def deploy(model: str, at: str) -> dict[str, Any]:
    """Start it on a slot of its own and prove its answers."""
    from perennial.deploy import deploy as stage

    return done(stage(model, at))


@task
def release(model: str, at: str) -> dict[str, Any]:
    """Start the release; from here on the controller runs it, whether Airflow is up or not."""
    from perennial.release import release as stage

    return done(stage(model, at))


def learning(plan: Plan) -> Any:
    """Train to release, with the ends `refused`, `promoted` and `rolled_back`; returns `train`."""
    model, at = plan.model, plan.at
    with TaskGroup("learning", prefix_group_id=False, tooltip="From training to release"):
        trained = train(model, at, plan.until, plan.strategy, plan.window_days)
        judged = Judge(task_id="judge", model=model, night=at)
        packaged = package(model, at)
        released = release(model, at)
        awaited = AwaitRelease(task_id="await_release", model=model, night=at)
        trained >> optimize(model, at) >> judged >> [packaged, EmptyOperator(task_id="refused")]
        packaged >> deploy(model, at) >> released >> awaited
        awaited >> [EmptyOperator(task_id=each) for each in ("promoted", "rolled_back")]
    return trained
