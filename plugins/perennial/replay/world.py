"""The world outside: a copy of the project in which everything has happened already."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep.partitions import days_between
from perennial.replay.timeline import (
    Asked,
    Happened,
    Outcome,
    events_of,
    outcomes_of,
    questions_of,
)

DECLARATIONS = ("data", "feature_repo", "models")


@dataclass(frozen=True)
class World:
    """Everything that happens from `first` to `last`, each with its moment."""

    events: list[Happened]
    questions: list[Asked]
    outcomes: list[Outcome]


def build(project: Project, model: Model, first: date, last: date, days_before: int) -> World:
    """Land the days and what surrounds them below `var/world`, and read them as a story.

    The lake of the project itself stays as it is: it learns of these days only by what is posted
    and delivered. Rehearsals that are in force here are so in the world, too.
    """
    from perennial.check import check
    from perennial.land import land
    from perennial.layer import layer

    world = _copy(project)
    start, end = first - timedelta(days=days_before), last + timedelta(days=2)
    land("all", start.isoformat(), end.isoformat(), project=world)
    check("raw", start.isoformat(), end.isoformat(), project=world)
    layer(start.isoformat(), end.isoformat(), project=world)
    check("marts", start.isoformat(), end.isoformat(), project=world)
    days = days_between(first, last + timedelta(days=2))
    questions = [each for day in days for each in questions_of(world, model, day)]
    outcomes = [each for day in days for each in outcomes_of(world, model, day)]
    return World(
        events_of(world, last, (last - first).days + days_before),
        sorted(questions, key=lambda each: (each.at, str(each.key))),
        sorted(outcomes, key=lambda each: (each.known_at, str(each.key))),
    )


def _copy(project: Project) -> Project:
    """The declarations, copied; a lake and a var of its own."""
    root = project.var / "world"
    shutil.rmtree(root, ignore_errors=True)
    for folder in DECLARATIONS:
        shutil.copytree(project.root / folder, root / folder, ignore=_without_lake(project.root))
    settings = project.settings.model_copy(update={"ledger_url": None, "mlflow_uri": None})
    return Project(root, settings)


def _without_lake(root: Path) -> Callable[[str, list[str]], set[str]]:
    lake = str(root / "data")

    def ignored(folder: str, names: list[str]) -> set[str]:
        return {"lake"} & set(names) if folder == lake else {"__pycache__"} & set(names)

    return ignored
