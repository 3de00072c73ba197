"""Brings a period again, from landing to features, in one process."""

from __future__ import annotations

from typing import Any

from perennial_airflow.reports import done


def bring_again(start: str, end: str) -> tuple[list[dict[str, Any]], str]:
    """Land, check, layer, check and build features of `start <= day < end` once more.

    Returns the reports, and a sentence on whether anything has changed.
    """
    from perennial.check import check
    from perennial.declare.project import Project
    from perennial.features import features
    from perennial.land import land, open_days
    from perennial.layer import layer

    project = Project.find()
    landed = land("all", start, end, project=project)
    first = landed.again_from.isoformat()
    was_repaired = open_days.first_before(project, landed.end) < landed.end
    reports = [done(landed)]
    reports.append(done(check("raw", first, end, project=project)))
    reports.append(done(layer(first, end, project=project)))
    reports.append(done(check("marts", first, end, project=project)))
    reports += [done(features(model, first, end, project=project)) for model in project.models]
    if was_repaired:
        return reports, f"a repaired delivery was taken in from {first} on"
    return reports, f"nothing new was delivered for {start} to {end}: its owner has to repair it"
