"""The first champion: everything from landing to serving, out of the days before a date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from perennial.declare.project import Project
from perennial.errors import NotEnoughEvidenceError
from perennial.keep.ledger import serving
from perennial.stages import STAGES


def bootstrap(project: Project, model: str, history_from: date, until: date) -> str:
    """Let a first version of `model` serve, learned and judged on `history_from <= day < until`.

    What serves already stays. The version's name. Raises `NotEnoughEvidenceError` with the
    judgement's sentences when the candidate is not blessed.
    """
    now = serving(project, model)
    if now is not None:
        return now.version
    period = {"start": history_from.isoformat(), "end": until.isoformat()}
    night = {"model": model, "at": until.isoformat()}
    held_back = timedelta(days=project.model(model).judge.held_back_days)
    _run(project, "land", **period)
    _run(project, "check", layer="raw", **period)
    _run(project, "layer", **period)
    _run(project, "check", layer="marts", **period)
    _run(project, "features", model=model, online_at=until.isoformat(), **period)
    _run(project, "train", **night, until=(until - held_back).isoformat())
    _run(project, "optimize", **night)
    judged = _run(project, "judge", **night)
    if judged.verdict != "blessed":
        raise NotEnoughEvidenceError(
            f"model {model}: the first candidate is {judged.verdict}: {'; '.join(judged.reasons)}"
        )
    for stage in ("package", "deploy", "release"):
        _run(project, stage, **night)
    first = serving(project, model)
    assert first is not None
    return first.version


def _run(project: Project, stage: str, **arguments: str) -> Any:
    defaults = {
        name: default for name, default in STAGES[stage].takes.items() if default is not None
    }
    return STAGES[stage].run(**{**defaults, **arguments}, project=project)
