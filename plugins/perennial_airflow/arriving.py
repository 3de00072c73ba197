"""The tasks of `arrive`: each calls one stage of the library, imported in the task itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from airflow.sdk import get_current_context, task

from perennial_airflow import night
from perennial_airflow.reports import done, say


@task
def land() -> dict[str, Any]:
    """Bring the day that has ended into the lake, and days before it that could not be landed.

    Late rows re-open earlier days. A day that still cannot be landed does not keep tonight's from
    being tried alone.
    """
    from perennial.declare.project import Project
    from perennial.errors import PerennialError
    from perennial.land import land as stage
    from perennial.land import open_days

    context = get_current_context()
    own_day = night.own_day(context)
    start = str(open_days.missing_before(Project.find(), date.fromisoformat(own_day)))
    return _with_open_days(lambda *days: stage("all", *days), start, context, PerennialError)


@task
def check_raw(landed: Any) -> dict[str, Any]:
    """Hold what has landed against its gates.

    An earlier day that is still broken does not stop tonight's: it is tried again every night of
    its lookback, and only then given up.
    """
    from perennial.check import check as stage
    from perennial.errors import GateStoppedError

    context = get_current_context()
    return _with_open_days(
        lambda *days: stage("raw", *days), landed["again_from"], context, GateStoppedError
    )


def _with_open_days(
    stage: Callable[[str, str], Any],
    start: str,
    context: Any,
    refusal: type[Exception],
) -> dict[str, Any]:
    """Run a stage from the first open day on; where that is refused, for tonight's day alone."""
    own_day, at = night.own_day(context), night.at(context)
    if start < own_day:
        try:
            return done(stage(start, at))
        except refusal as error:
            say(f"{start} to {at} was refused, tonight's day is tried alone: {error}")
    return done(stage(own_day, at))


@task
def layer(checked: Any) -> dict[str, Any]:
    """Build the marts of what has passed."""
    from perennial.layer import layer as stage

    return done(stage(checked["start"], checked["end"]))


@task
def check_marts(layered: Any) -> dict[str, Any]:
    """Hold the marts against their gates."""
    from perennial.check import check as stage

    return done(stage("marts", layered["start"], layered["end"]))


@task(outlets=[night.MARTS])
def features(checked: Any) -> list[dict[str, Any]]:
    """Build every model's rows and bring the online store up to the night; emit the marts."""
    from perennial.declare.project import Project
    from perennial.features import features as stage
    from perennial.features.refill import bring_up_to

    project = Project.find()
    start, end = checked["start"], checked["end"]
    reports = [done(stage(model, start, end, project=project)) for model in project.models]
    say(f"online store: {', '.join(bring_up_to(project, end)) or 'nothing to fill'}")
    return reports
