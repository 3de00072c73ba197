"""What serves now, as something to go on from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep.ledger import serving
from perennial.learn.contract import Learner, Start
from perennial.learn.loading import parse_original
from perennial.learn.version_files import VersionFiles, read

STATE = "state/"
"""The folder beside a version's answering files with what its strategies keep."""


@dataclass(frozen=True)
class Champion:
    """A version that serves, and the days `learned_from <= day < learned_until` it learned from."""

    version: str
    start: Start
    learned_from: date
    learned_until: date
    n_updates: int
    """Stateful trainings since the last one from scratch."""
    n_rounds: int
    """Trees, or passes over the data of a network."""

    @property
    def learner(self) -> Learner:
        """What answers."""
        return self.start.learner


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
    first, end = learned_days(files)
    start = Start(parse_original(files), state_of(files))
    n_rounds = int(json.loads(files.files["training.json"])["n_rounds"])
    return Champion(files.version, start, first, end, _n_updates(files), n_rounds)


def state_of(version: VersionFiles) -> dict[str, bytes]:
    """What the strategies kept with a version, by file name."""
    return {
        name.removeprefix(STATE): content
        for name, content in version.files.items()
        if name.startswith(STATE)
    }


def n_updates(folder: Path) -> int:
    """How many stateful trainings lie between a version and the last one from scratch."""
    return _n_updates(read(folder))


def _n_updates(version: VersionFiles) -> int:
    return int(json.loads(version.files["training.json"]).get("n_updates", 0))


def learned_days(version: VersionFiles) -> tuple[date, date]:
    """The days `start <= day < end` that a version learned from."""
    story = json.loads(version.files["training.json"])
    return date.fromisoformat(story["window_start"]), date.fromisoformat(story["window_end"])


def trained_at(version: VersionFiles) -> date:
    """The night on whose behalf a version was trained: labels known then are what it knows."""
    return date.fromisoformat(json.loads(version.files["training.json"])["at"])
