"""Checks a whole project's declarations, each by itself and against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from perennial.declare import declared
from perennial.declare.gates import Expectation, Gate, Layer
from perennial.declare.gateway import GATEWAY
from perennial.declare.known_names import columns_of, expectation_names, feature_services
from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.declare.reading import nearest
from perennial.errors import DeclarationError


def mistakes(project: Project) -> list[str]:
    """Every mistake in the project's declarations; empty when there is none.

    Nothing heavy is imported: the names of expectations and of feature services are read from
    files, so that this answers in well under two seconds.
    """
    found: list[str] = []
    parts: tuple[Callable[[], list[str]], ...] = (
        lambda: _sources(project),
        lambda: _models(project),
        lambda: _gates(project, "raw"),
        lambda: _gates(project, "marts"),
        lambda: _simulations(project),
        lambda: _gateway(project),
    )
    for part in parts:
        try:
            found += part()
        except DeclarationError as error:
            found += error.mistakes
    return list(dict.fromkeys(found))


def _sources(project: Project) -> list[str]:
    return [] if project.sources else ["data/__sources.yml: no source is declared"]


def _simulations(project: Project) -> list[str]:
    declared.each(project.simulation_files(), project.read_simulation)
    return []


def _gateway(project: Project) -> list[str]:
    assert project.gateway
    return []


def _models(project: Project) -> list[str]:
    found: list[str] = []
    try:
        services: list[str] | None = feature_services(project)
    except DeclarationError as error:
        found += error.mistakes
        services = None
    for path in project.files("models", "*.yaml"):
        shown = project.shown(path)
        try:
            model = project.read_model(path)
        except DeclarationError as error:
            found += error.mistakes
            continue
        if model.release.kind == "interleave" and project.gateway.max_rows < 2:
            found.append(
                f"{shown}: release.kind interleave ranks at least two items a query, but {GATEWAY} "
                f"declares max_rows: {project.gateway.max_rows}"
            )
        found += _other_model(project, model, shown)
        if model.rows.mart not in project.marts:
            found.append(
                f"{shown}: rows.mart {model.rows.mart!r} is not a mart"
                f"{nearest(model.rows.mart, project.marts)} (data/marts has: "
                f"{', '.join(sorted(project.marts)) or 'none'})"
            )
        else:
            found += _mart_fits(project, model, shown)
        if services is not None and model.features not in services:
            found.append(
                f"{shown}: features {model.features!r} is not a feature service"
                f"{nearest(model.features, services)} (feature_repo has: "
                f"{', '.join(sorted(services)) or 'none'})"
            )
    return found


def _other_model(project: Project, model: Model, shown: str) -> list[str]:
    """The model that a transfer starts from must be another declared one."""
    if model.train.transfer is None:
        return []
    name = model.train.transfer.model
    others = [path.stem for path in project.files("models", "*.yaml") if path.stem != model.name]
    if name in others:
        return []
    return [
        f"{shown}: train.transfer.model {name!r} is not another declared model"
        f"{nearest(name, others)} (models/ has: {', '.join(others) or 'none beside this one'})"
    ]


def _mart_fits(project: Project, model: Model, shown: str) -> list[str]:
    """The columns that a model names must be described beside its mart, where any are."""
    try:
        columns = columns_of(project, "marts")[model.rows.mart]
    except DeclarationError:
        return []  # told where the marts are checked
    named = {
        "rows.event_timestamp": model.rows.event_timestamp,
        "label.column": model.label.column,
        "label.known_at": model.label.known_at,
        **{f"rows.key.{place}": name for place, name in enumerate(model.rows.key)},
        **{
            f"request.fields.{place}.name": field.name
            for place, field in enumerate(model.request.fields)
        },
    }
    return [
        f"{shown}: {where} {name!r} is not a column of the mart {model.rows.mart!r}"
        f"{nearest(name, columns)} (it has: {', '.join(columns)})"
        for where, name in named.items()
        if columns and name not in columns
    ]


def _gates(project: Project, layer: Layer) -> list[str]:
    found: list[str] = []
    known = expectation_names()
    columns: dict[str, list[str]] | None = None
    try:
        columns = columns_of(project, layer)
    except DeclarationError as error:
        found += error.mistakes
    for path in project.gate_files(layer):
        shown = project.shown(path)
        if columns is not None and path.stem not in columns:
            found.append(
                f"{shown}: {layer} has no table {path.stem!r}{nearest(path.stem, columns)} "
                f"(it has: {', '.join(sorted(columns)) or 'none'})"
            )
        try:
            gate = project.read_gate(path)
        except DeclarationError as error:
            found += error.mistakes
            continue
        for where, each in _expectations(gate):
            found += _expectation(shown, where, each, known, (columns or {}).get(path.stem, []))
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
