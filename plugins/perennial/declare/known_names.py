"""Names that declarations refer to, read from files so that nothing heavy is imported."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

from perennial.declare.project import Project
from perennial.errors import DeclarationError


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
