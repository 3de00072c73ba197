"""What serves now, as watch needs it: its answers, its window, what it was expected to be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from perennial.declare.project import Project
from perennial.judge.judged import JUDGED, Judged, Value
from perennial.keep.ledger import bento_folder, serving
from perennial.learn.contract import Learner
from perennial.learn.loading import parse_model
from perennial.learn.version_files import read


@dataclass(frozen=True)
class Champion:
    """The version that answers now."""

    version: str
    learner: Learner
    window: tuple[date, date]
    """The days that it learned from, the last one excluded."""
    importance: dict[str, float]
    expected: dict[str, Value]
    """Per metric what it was when it was judged; empty when no judgement of it is kept."""


def champion_of(project: Project, model: str) -> Champion | None:
    """The version that answers for `model` now, its files verified; None when nothing serves."""
    now = serving(project, model)
    if now is None:
        return None
    files = read(now.version_folder)
    story = json.loads(files.files["training.json"])
    return Champion(
        version=now.version,
        learner=parse_model(files),
        window=(
            date.fromisoformat(story["window_start"]),
            date.fromisoformat(story["window_end"]),
        ),
        importance=story["importance"],
        expected=_expected(project, model, now.version),
    )


def _expected(project: Project, model: str, version: str) -> dict[str, Value]:
    places = (
        bento_folder(project, model, version) / "src" / JUDGED,
        project.var / "reports" / "judge" / f"{model}.json",
    )
    for place in places:
        judged = _judged(place)
        if judged is not None and judged.version == version:
            return dict(judged.metrics)
    return {}


def _judged(path: Path) -> Judged | None:
    try:
        return Judged.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
