"""One project on disk: where its declarations are, read lazily and once."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from perennial.declare.gates import Gate, Layer
from perennial.declare.model import Model
from perennial.declare.reading import load_yaml, nearest, parse
from perennial.declare.settings import Settings
from perennial.declare.sources import Source, from_dbt
from perennial.errors import DeclarationError

SOURCES = "data/__sources.yml"

Declared = TypeVar("Declared")


class Project:
    """A folder with declarations, and the two folders that running writes: the lake and var."""

    def __init__(self, root: Path, settings: Settings | None = None) -> None:
        self.root = root.resolve()
        self.settings = settings or Settings()

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """The project named by `PERENNIAL_PROJECT`, else the nearest one from `start` upwards."""
        settings = Settings()
        if settings.project:
            return cls(_checked(Path(settings.project)), settings)
        start = (start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / SOURCES).is_file():
                return cls(folder, settings)
        raise DeclarationError(
            [f"{start}: no project here or above (a project has {SOURCES}); "
             "go into one, or set PERENNIAL_PROJECT to its folder"]
        )  # fmt: skip

    @property
    def lake(self) -> Path:
        """`data/lake`: the data's bytes."""
        return self.root / "data" / "lake"

    @property
    def var(self) -> Path:
        """`var`: everything that running writes and that is not data."""
        return self.root / "var"

    @property
    def feature_repo(self) -> Path:
        """`feature_repo`: the Feast definitions."""
        return self.root / "feature_repo"

    @cached_property
    def sources(self) -> dict[str, Source]:
        """All declared sources by name."""
        document = load_yaml(self.root / SOURCES, SOURCES)
        groups = document.get("sources") if isinstance(document, dict) else None
        if not isinstance(groups, list) or not groups:
            raise DeclarationError([f"{SOURCES}: sources must be a list with a group named raw"])
        found: dict[str, Source] = {}
        mistakes: list[str] = []
        for group in groups:
            for table in group.get("tables", []):
                where = f"sources.{group.get('name')}.{table.get('name')}"
                try:
                    source = parse(Source, from_dbt(table), SOURCES, where)
                except DeclarationError as error:
                    mistakes += error.mistakes
                else:
                    found[source.name] = source
        if mistakes:
            raise DeclarationError(mistakes)
        return found

    @cached_property
    def models(self) -> dict[str, Model]:
        """All declared models by name."""
        return {path.stem: self._model(path) for path in self._files("models", "*.yaml")}

    @cached_property
    def gates(self) -> dict[tuple[Layer, str], Gate]:
        """All declared gates by layer and table."""
        found: dict[tuple[Layer, str], Gate] = {}
        layers: tuple[Layer, ...] = ("raw", "marts")
        for layer in layers:
            for path in self._files(f"data/expectations/{layer}", "*.yaml"):
                shown = self.shown(path)
                found[layer, path.stem] = parse(Gate, load_yaml(path, shown), shown)
        return found

    @cached_property
    def marts(self) -> dict[str, Path]:
        """The SQL file of each mart by the mart's name."""
        return {path.stem: path for path in self._files("data/marts", "*.sql")}

    def source(self, name: str) -> Source:
        """The source called `name`, or an error with the nearest spelling."""
        return _named(self.sources, name, "source", SOURCES)

    def model(self, name: str) -> Model:
        """The model called `name`, or an error with the nearest spelling."""
        return _named(self.models, name, "model", "models/<name>.yaml")

    def tables(self, layer: Layer) -> list[str]:
        """The names of a layer's tables: sources for raw, SQL files for marts."""
        return sorted(self.sources if layer == "raw" else self.marts)

    def shown(self, path: Path) -> str:
        """`path` as messages show it: relative to the project."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def _files(self, folder: str, pattern: str) -> list[Path]:
        return sorted((self.root / folder).glob(pattern))

    def _model(self, path: Path) -> Model:
        shown = self.shown(path)
        content: Any = load_yaml(path, shown)
        if not isinstance(content, dict):
            raise DeclarationError([f"{shown}: must be a mapping of fields, got {content!r}"])
        if "name" in content:
            raise DeclarationError(
                [f"{shown}: name is not a field: the file's name is the model's"]
            )
        return parse(Model, {"name": path.stem, **content}, shown)


def _checked(root: Path) -> Path:
    if not (root / SOURCES).is_file():
        raise DeclarationError([f"PERENNIAL_PROJECT is {os.fspath(root)}, which has no {SOURCES}"])
    return root


def _named(known: dict[str, Declared], name: str, what: str, where: str) -> Declared:
    if name not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise DeclarationError(
            [f"{what} {name!r} is not declared{nearest(name, known)} "
             f"(declared in {where}: {listed})"]
        )  # fmt: skip
    return known[name]
