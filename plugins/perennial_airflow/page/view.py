"""Everything that the page says about one model, read once for one answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import DeclarationError
from perennial.judge import report_file
from perennial.judge.judged import Judged
from perennial.keep.ledger import bento_folder
from perennial.package.packaging import CARD
from perennial.watch.watched import Watched
from perennial_airflow.page import story
from perennial_airflow.page.mlflow_runs import Run, run_of
from perennial_airflow.page.reading import Troubles, read_report, watched_nights
from perennial_airflow.page.shelf import OneRelease, Shelf, read_shelf


def model_names(project: Project) -> list[str]:
    """The models by their files, so that a mistake in one declaration hides none of them."""
    return [path.stem for path in project.files("models", "*.yaml")]


@dataclass(frozen=True)
class View:
    """One model as it is now; what could not be read is in `troubles`."""

    project: Project
    name: str
    declared: Model | None
    shelf: Shelf
    nights: list[Watched]
    judged: Judged | None
    """The last judgement of a candidate."""
    troubles: tuple[str, ...]

    @property
    def last_night(self) -> Watched | None:
        """The newest report of watch."""
        return self.nights[-1] if self.nights else None

    @property
    def version(self) -> str | None:
        """What answers now."""
        return self.shelf.live.version if self.shelf.live else None

    @property
    def release(self) -> OneRelease | None:
        """The release under way, else the last one."""
        return self.shelf.releases[0] if self.shelf.releases else None

    @property
    def primary(self) -> str | None:
        """The metric that counts most."""
        return self.declared.judge.primary if self.declared else None

    @cached_property
    def calendar(self) -> story.Calendar:
        """The nights in a row, with gaps."""
        return story.calendar(self.nights)

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics that nights looked at, the primary one first."""
        return story.metrics_of(self.nights, self.primary)

    @cached_property
    def run(self) -> Run | None:
        """The MLflow run behind the live version."""
        return run_of(self.project, self.name, self.version) if self.version else None

    def card_file(self, version: str) -> Path | None:
        """The model card of a version that is packaged."""
        if version not in packaged_versions(self.project, self.name):
            return None
        file = bento_folder(self.project, self.name, version) / "src" / CARD
        return file if file.is_file() else None


def view_of(project: Project, name: str) -> View:
    """Read everything about one model."""
    troubles = Troubles()
    declared = _declared(project, name, troubles)
    shelf = read_shelf(project, name, troubles)
    nights = watched_nights(project, name, troubles)
    judged = read_report(project, report_file(project, name), Judged, troubles)
    return View(project, name, declared, shelf, nights, judged, tuple(troubles.sentences))


def packaged_versions(project: Project, model: str) -> list[str]:
    """The versions whose Bento is kept."""
    folder = bento_folder(project, model, "any").parent
    try:
        return sorted(path.name for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def _declared(project: Project, name: str, troubles: Troubles) -> Model | None:
    try:
        return project.read_model(project.root / "models" / f"{name}.yaml")
    except (DeclarationError, OSError) as error:
        troubles.sentences.append(str(error))
        return None
