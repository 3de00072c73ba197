"""Reads the declarations that lie in many files, and collects the mistakes of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from perennial.declare.dbt_tables import from_dbt
from perennial.declare.gates import Gate
from perennial.declare.gateway import GATEWAY, Gateway
from perennial.declare.model import Model
from perennial.declare.reading import parse
from perennial.declare.settings import Settings
from perennial.declare.simulation import Simulation, unknown_names
from perennial.declare.sources import SOURCES, Source
from perennial.declare.yaml_files import load_yaml
from perennial.errors import DeclarationError

Given = TypeVar("Given")
Made = TypeVar("Made")


def each(given: Iterable[Given], read: Callable[[Given], Made]) -> list[Made]:
    """What `read` makes of each, or one `DeclarationError` with the mistakes of all."""
    made: list[Made] = []
    mistakes: list[str] = []
    for one in given:
        try:
            made.append(read(one))
        except DeclarationError as error:
            mistakes += error.mistakes
    if mistakes:
        raise DeclarationError(mistakes)
    return made


def read_sources(root: Path) -> dict[str, Source]:
    """The sources that `data/__sources.yml` declares, by name."""
    document = load_yaml(root / SOURCES, SOURCES)
    groups = document.get("sources") if isinstance(document, dict) else None
    if not isinstance(groups, list) or not groups:
        raise DeclarationError([f"{SOURCES}: sources must be a list with a group named raw"])
    tables: list[tuple[str, Any]] = []
    for number, group in enumerate(groups):
        listed = group.get("tables") if isinstance(group, dict) else None
        name = group.get("name", number) if isinstance(group, dict) else number
        if not isinstance(listed, list):
            raise DeclarationError([f"{SOURCES}: sources.{name}.tables must be a list of tables"])
        for place, table in enumerate(listed):
            called = table.get("name", place) if isinstance(table, dict) else place
            tables.append((f"sources.{name}.{called}", table))
    found = each(tables, lambda table: parse(Source, from_dbt(table[1]), SOURCES, table[0]))
    names = [source.name for source in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DeclarationError([f"{SOURCES}: table {name} is declared twice" for name in twice])
    return {source.name: source for source in found}


def read_model(path: Path, shown: str) -> Model:
    """The model that one file declares; its name is the file's."""
    content = load_yaml(path, shown)
    if not isinstance(content, dict):
        raise DeclarationError([f"{shown}: must be a mapping of fields, got {content!r}"])
    if "name" in content:
        raise DeclarationError([f"{shown}: name is not a field: the file's name is the model's"])
    return parse(Model, {"name": path.stem, **content}, shown)


def read_gateway(root: Path) -> Gateway:
    """What `bentofiles/gateway.yaml` declares; every default where there is none."""
    path = root / GATEWAY
    return parse(Gateway, load_yaml(path, GATEWAY) or {}, GATEWAY) if path.exists() else Gateway()


def read_gate(path: Path, shown: str) -> Gate:
    """The gate that one file declares, for the table of the file's name."""
    return parse(Gate, load_yaml(path, shown), shown)


def read_simulation(path: Path, shown: str, sources: Mapping[str, Source]) -> Simulation:
    """The rehearsal that one file declares; it changes declared columns of declared sources."""
    simulation = parse(Simulation, load_yaml(path, shown), shown)
    mistakes = list(unknown_names(simulation, sources, shown))
    if mistakes:
        raise DeclarationError(mistakes)
    return simulation


def read_settings() -> Settings:
    """The settings of this machine, from `PERENNIAL_…` in the environment."""
    from pydantic import ValidationError

    try:
        return Settings()
    except ValidationError as error:
        raise DeclarationError(
            [
                f"PERENNIAL_{str(mistake['loc'][0]).upper()} {mistake['msg'].lower()}, "
                f"got {mistake['input']!r}"
                for mistake in error.errors()
            ]
        ) from None  # the environment may hold what must not be shown
