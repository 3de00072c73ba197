"""Where a project is found, and what it knows by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.errors import DeclarationError


def test_a_project_is_found_from_anywhere_inside_it(
    orchard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PERENNIAL_PROJECT", raising=False)
    inside = orchard.root / "data" / "marts"
    assert Project.find(inside).root == orchard.root.resolve()
    monkeypatch.chdir(inside)
    assert Project.find().root == orchard.root.resolve()


def test_the_environment_names_the_project_from_anywhere(
    orchard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_PROJECT", str(orchard.root))
    assert Project.find(Path("/")).root == orchard.root.resolve()


def test_a_folder_without_a_project_says_what_a_project_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PERENNIAL_PROJECT", raising=False)
    with pytest.raises(DeclarationError, match=r"a project has data/__sources\.yml"):
        Project.find(tmp_path)
    monkeypatch.setenv("PERENNIAL_PROJECT", str(tmp_path))
    with pytest.raises(DeclarationError, match=r"PERENNIAL_PROJECT is .*, which has no data"):
        Project.find()


def test_a_wrong_setting_is_told_by_its_name_in_the_environment(
    orchard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_GATEWAY_PORT", "http")
    with pytest.raises(DeclarationError, match=r"PERENNIAL_GATEWAY_PORT .*valid integer.* 'http'"):
        Project(orchard.root)


@pytest.mark.parametrize(
    ("kind", "asked", "near"), [("source", "fruits", "fruit"), ("model", "ripee", "ripe")]
)
def test_an_unknown_name_is_told_with_the_nearest_spelling(
    orchard: Any, kind: str, asked: str, near: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        getattr(orchard.project, kind)(asked)
    assert f"{kind} '{asked}' is not declared, did you mean \"{near}\"?" in str(caught.value)
    assert near in str(caught.value).rpartition("(declared in ")[2]


def test_tables_are_the_sources_and_the_marts(orchard: Any) -> None:
    assert orchard.project.tables("raw") == ["fruit"]
    assert orchard.project.tables("marts") == ["ripeness"]


def test_messages_show_paths_relative_to_the_project(orchard: Any) -> None:
    project = orchard.project
    assert project.shown(project.lake / "raw") == "data/lake/raw"
    assert project.shown(Path("/elsewhere")) == "/elsewhere"
    assert project.var.parent == project.feature_repo.parent == project.root
