"""Checks a whole project's declarations, each by itself and against each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from perennial.declare.gates import Expectation, Gate, Layer
from perennial.declare.project import Project
from perennial.declare.reading import nearest
from perennial.errors import DeclarationError


def mistakes(project: Project) -> list[str]:
    """Every mistake in the project's declarations; empty when there is none.

    Nothing heavy is imported: the names of expectations and of feature services are read from
    files, so that this answers in well under two seconds.
    """
    found: list[str] = []
    for part in (_sources, _models, _gates):
        try:
            found += part(project)
        except DeclarationError as error:
            found += error.mistakes
    return list(dict.fromkeys(found))


def _sources(project: Project) -> list[str]:
    return [] if project.sources else ["data/__sources.yml: no source is declared"]


def _models(project: Project) -> list[str]:
    found: list[str] = []
    services = feature_services(project)
    for path in sorted((project.root / "models").glob("*.yaml")):
        shown = project.shown(path)
        try:
            model = project._model(path)
        except DeclarationError as error:
            found += error.mistakes
            continue
        if model.rows.mart not in project.marts:
            found.append(
                f"{shown}: rows.mart {model.rows.mart!r} is not a mart"
                f"{nearest(model.rows.mart, project.marts)} (data/marts has: "
                f"{', '.join(sorted(project.marts)) or 'none'})"
            )
        if model.features not in services:
            found.append(
                f"{shown}: features {model.features!r} is not a feature service"
                f"{nearest(model.features, services)} (feature_repo has: "
                f"{', '.join(sorted(services)) or 'none'})"
            )
    return found


def _gates(project: Project) -> list[str]:
    found: list[str] = []
    known = expectation_names()
    layers: tuple[Layer, ...] = ("raw", "marts")
    for layer in layers:
        columns = _columns_of(project, layer)
        for path in sorted((project.root / "data/expectations" / layer).glob("*.yaml")):
            shown = project.shown(path)
            if path.stem not in columns:
                found.append(
                    f"{shown}: {layer} has no table {path.stem!r}{nearest(path.stem, columns)} "
                    f"(it has: {', '.join(sorted(columns)) or 'none'})"
                )
                continue
            try:
                gate = project.gates[layer, path.stem]
            except DeclarationError as error:
                found += [each for each in error.mistakes if each.startswith(shown)]
                continue
            for where, each in _expectations(gate):
                found += _expectation(shown, where, each, known, columns[path.stem])
    return found


def _expectations(gate: Gate) -> Iterator[tuple[str, Expectation]]:
    for index, each in enumerate(gate.expectations):
        yield f"expectations.{index}", each
    for index, each in enumerate(gate.daily):
        yield f"daily.{index}", each


def _expectation(
    shown: str, where: str, each: Expectation, known: list[str], columns: list[str]
) -> list[str]:
    found: list[str] = []
    if each.type not in known:
        found.append(
            f"{shown}: {where}.type {each.type!r} is not an expectation of Great Expectations"
            f"{nearest(each.type, known)}"
        )
    is_daily = where.startswith("daily")
    if is_daily and each.severity == "quarantine":
        found.append(f"{shown}: {where}.severity must be one of stop, warn: a day is no row")
    accepted = ["day", "n_rows", *(f"missing_share_{each}" for each in columns)]
    accepted = accepted if is_daily else [*columns, "day"]
    for argument, value in _named_columns(each.kwargs):
        if columns and value not in accepted:
            found.append(
                f"{shown}: {where}.kwargs.{argument} {value!r} is not a column"
                f"{nearest(value, accepted)} (accepted: {', '.join(accepted)})"
            )
    return found


def _named_columns(kwargs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for argument in ("column", "column_A", "column_B"):
        if argument in kwargs:
            yield argument, str(kwargs[argument])
    for argument in ("column_list", "column_set"):
        for value in kwargs.get(argument) or []:
            yield argument, str(value)


def _columns_of(project: Project, layer: Layer) -> dict[str, list[str]]:
    """Per table its declared columns; an empty list where they are not declared."""
    if layer == "raw":
        return {name: [c.name for c in source.columns] for name, source in project.sources.items()}
    return {name: _mart_columns(path.with_suffix(".yml")) for name, path in project.marts.items()}


def _mart_columns(path: Path) -> list[str]:
    if not path.is_file():
        return []
    document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return [
        column["name"]
        for model in document.get("models", [])
        for column in model.get("columns", [])
    ]


def expectation_names() -> list[str]:
    """The names of all expectations that the installed Great Expectations brings."""
    spec = find_spec("great_expectations")
    if spec is None or not spec.submodule_search_locations:
        raise DeclarationError(["great_expectations is not installed: run `make setup`"])
    core = Path(spec.submodule_search_locations[0]) / "expectations" / "core"
    return sorted(path.stem for path in core.glob("expect_*.py"))


def feature_services(project: Project) -> list[str]:
    """The names of the feature services in `feature_repo/`, read from the syntax, not by import."""
    names: list[str] = []
    for path in sorted(project.feature_repo.glob("**/*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except SyntaxError as error:
            where = f"{project.shown(path)}: line {error.lineno}"
            raise DeclarationError([f"{where}: not valid Python: {error.msg}"]) from error
        names += [name for node in ast.walk(tree) if (name := _service_name(node))]
    return names


def _service_name(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call) or getattr(node.func, "id", None) != "FeatureService":
        return None
    named: list[ast.expr] = [each.value for each in node.keywords if each.arg == "name"]
    for value in [*named, *node.args[:1]]:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None
