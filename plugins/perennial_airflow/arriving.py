"""The tasks of `arrive`: each calls one stage of the library, imported in the task itself."""

from __future__ import annotations

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
    own_day, at = night.own_day(context), night.at(context)
    start = str(open_days.missing_before(Project.find(), date.fromisoformat(own_day)))
    if start < own_day:
        try:
            return done(stage("all", start, at))
        except PerennialError as error:
            say(f"{start} to {at} did not land, tonight's day is tried alone: {error}")
    return done(stage("all", own_day, at))


@task
def check_raw(landed: Any) -> dict[str, Any]:
    """Hold what has landed against its gates.

    An earlier day that is still broken does not stop tonight's: it is tried again every night of
    its lookback, and only then given up.
    """
    from perennial.check import check as stage
    from perennial.errors import GateStoppedError

    context = get_current_context()
    start, own_day, at = landed["again_from"], night.own_day(context), night.at(context)
    if start < own_day:
        try:
            return done(stage("raw", start, at))
        except GateStoppedError as error:
            say(f"{start} to {at} did not pass, tonight's day is tried alone: {error}")
    return done(stage("raw", own_day, at))


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
