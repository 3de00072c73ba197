"""One project on disk: where its declarations are, read lazily and once."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from perennial.declare.declared import (
    each,
    read_gate,
    read_gateway,
    read_model,
    read_settings,
    read_simulation,
    read_sources,
)
from perennial.declare.gates import Gate, Layer
from perennial.declare.gateway import Gateway
from perennial.declare.model import Model
from perennial.declare.reading import nearest
from perennial.declare.settings import Settings
from perennial.declare.simulation import Simulation
from perennial.declare.sources import SOURCES, Source
from perennial.errors import DeclarationError

Declared = TypeVar("Declared")


class Project:
    """A folder with declarations, and the two folders that running writes: the lake and var."""

    def __init__(self, root: Path, settings: Settings | None = None) -> None:
        self.root = root.resolve()
        self.settings = settings or read_settings()

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """The project named by `PERENNIAL_PROJECT`, else the nearest one from `start` upwards."""
        settings = read_settings()
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
        return read_sources(self.root)

    @cached_property
    def models(self) -> dict[str, Model]:
        """All declared models by name."""
        found = each(self.files("models", "*.yaml"), self.read_model)
        return {model.name: model for model in found}

    @cached_property
    def gateway(self) -> Gateway:
        """What is declared of the gateway."""
        return read_gateway(self.root)

    @cached_property
    def gates(self) -> dict[tuple[Layer, str], Gate]:
        """All declared gates by layer and table."""
        layers: tuple[Layer, ...] = ("raw", "marts")
        files = [(layer, path) for layer in layers for path in self.gate_files(layer)]
        gates = each(files, lambda file: self.read_gate(file[1]))
        return {(layer, path.stem): gate for (layer, path), gate in zip(files, gates, strict=True)}

    @cached_property
    def marts(self) -> dict[str, Path]:
        """The SQL file of each mart by the mart's name."""
        return {path.stem: path for path in self.files("data/marts", "*.sql")}

    @property
    def simulations(self) -> list[str]:
        """The names of the rehearsals in force on this machine."""
        return [each.strip() for each in self.settings.simulations.split(",") if each.strip()]

    def simulation(self, name: str) -> Simulation:
        """One declared rehearsal, or an error with the nearest spelling."""
        files = {path.stem: path for path in self.simulation_files()}
        path = _named(files, name, "simulation", "data/simulations/<name>.yaml")
        return self.read_simulation(path)

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

    def files(self, folder: str, pattern: str) -> list[Path]:
        """The files of a folder that match `pattern`, in the order of their names."""
        return sorted((self.root / folder).glob(pattern))

    def gate_files(self, layer: Layer) -> list[Path]:
        """The files that declare a layer's gates."""
        return self.files(f"data/expectations/{layer}", "*.yaml")

    def simulation_files(self) -> list[Path]:
        """The files that declare rehearsals."""
        return self.files("data/simulations", "*.yaml")

    def read_simulation(self, path: Path) -> Simulation:
        """The rehearsal that one file declares."""
        return read_simulation(path, self.shown(path), self.sources)

    def read_model(self, path: Path) -> Model:
        """The model that one file declares."""
        return read_model(path, self.shown(path))

    def read_gate(self, path: Path) -> Gate:
        """The gate that one file declares."""
        return read_gate(path, self.shown(path))


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
