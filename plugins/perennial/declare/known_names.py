"""Names that declarations refer to, read from files so that nothing heavy is imported."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

from perennial.declare.gates import Layer
from perennial.declare.project import Project
from perennial.declare.yaml_files import load_yaml
from perennial.errors import DeclarationError


def columns_of(project: Project, layer: Layer) -> dict[str, list[str]]:
    """Per table its declared columns; an empty list where they are not declared."""
    if layer == "raw":
        return {name: [c.name for c in source.columns] for name, source in project.sources.items()}
    return {
        name: _mart_columns(path.with_suffix(".yml"), project)
        for name, path in project.marts.items()
    }


def _mart_columns(path: Path, project: Project) -> list[str]:
    if not path.is_file():
        return []
    document = load_yaml(path, project.shown(path))
    models = document.get("models") if isinstance(document, dict) else None
    listed = [each.get("columns") for each in models or [] if isinstance(each, dict)]
    return [
        str(column["name"])
        for columns in listed
        for column in columns or []
        if isinstance(column, dict) and "name" in column
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
    if not isinstance(node, ast.Call):
        return None
    called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)  # or feast.…
    if called != "FeatureService":
        return None
    named: list[ast.expr] = [each.value for each in node.keywords if each.arg == "name"]
    for value in [*named, *node.args[:1]]:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None
