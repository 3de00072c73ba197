"""The world of one policy: the project's declarations and rows, and a `var` of its own."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from perennial.declare.decide import Decide
from perennial.declare.model import Model
from perennial.declare.project import Project

SHARED = ("training", "checked", "quarantine")
"""What a night reads of the lake: links to the project's own folders. Nothing is written there."""


class World(Project):
    """The project as one policy finds it: everything that living writes is below its own folder.

    The ledger, the candidate, what serves, the registry and the reports are its own, wherever the
    settings keep the project's. Live answers are not part of it: they are answers of versions that
    this world never had.
    """

    def __init__(self, project: Project, folder: Path, model: Model, decide: Decide) -> None:
        own = project.settings.model_copy(update={"ledger_url": None, "mlflow_uri": None})
        super().__init__(project.root, own)
        self.folder = folder
        self._declared = model.model_copy(update={"decide": decide})
        self._link(project)

    @property
    def lake(self) -> Path:
        """A lake with nothing but what `SHARED` names."""
        return self.folder / "lake"

    @property
    def var(self) -> Path:
        """Everything that living writes."""
        return self.folder / "var"

    @cached_property
    def models(self) -> dict[str, Model]:
        """The one model, with the policy that is tried."""
        return {self._declared.name: self._declared}

    def _link(self, project: Project) -> None:
        self.lake.mkdir(parents=True, exist_ok=True)
        for name in SHARED:
            link, there = self.lake / name, (project.lake / name).resolve()
            if there.is_dir() and not link.is_symlink():
                link.symlink_to(there, target_is_directory=True)
