"""What serves now, as something to go on from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep.ledger import serving
from perennial.learn.contract import Learner
from perennial.learn.loading import parse_model
from perennial.learn.version_files import VersionFiles, read


@dataclass(frozen=True)
class Champion:
    """A version that serves, and the days `learned_from <= day < learned_until` it learned from."""

    version: str
    learner: Learner
    learned_from: date
    learned_until: date


def read_champion(project: Project, model: Model) -> Champion:
    """The version that answers for `model` now, its bytes verified.

    Raises UnavailableError when nothing serves, IntegrityError when a file differs.
    """
    now = serving(project, model.name)
    if now is None:
        raise UnavailableError(
            f"model {model.name}: nothing serves, so there is no champion to go on from; train "
            "with the strategy stateless and release that first"
        )
    files = read(now.version_folder)
    start, end = learned_days(files)
    return Champion(files.version, parse_model(files), start, end)


def learned_days(version: VersionFiles) -> tuple[date, date]:
    """The days `start <= day < end` that a version learned from."""
    story = json.loads(version.files["training.json"])
    return date.fromisoformat(story["window_start"]), date.fromisoformat(story["window_end"])


def trained_at(version: VersionFiles) -> date:
    """The night on whose behalf a version was trained: labels known then are what it knows."""
    return date.fromisoformat(json.loads(version.files["training.json"])["at"])
