"""The Feast repository: registered as it is declared, and its mistakes told with their place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from perennial.declare.project import Project
from perennial.errors import DeclarationError
from perennial.features.repository import open_store, register

from .market import SERVICES, STORE, VIEWS, declare


def names(project: Project) -> set[str]:
    return {view.name for view in open_store(project).list_feature_views()}


def test_twice_is_once(tmp_path: Path) -> None:
    project = declare(tmp_path / "market")
    assert register(project) == ["crowd", "prices"]
    assert register(project) == ["crowd", "prices"]
    assert names(project) == {"crowd", "prices"}


def test_a_definition_that_is_gone_is_unregistered(tmp_path: Path) -> None:
    project = declare(tmp_path / "market")
    register(project)
    (project.feature_repo / "services.py").write_text(
        SERVICES.replace("prices, rush", "rush").replace("import crowd, prices,", "import crowd,")
    )
    start = VIEWS.index("prices = FeatureView")
    (project.feature_repo / "views.py").write_text(
        VIEWS[:start] + VIEWS[VIEWS.index("when = Request") :]
    )
    assert register(project) == ["crowd"]
    assert names(project) == {"crowd"}


def test_two_projects_may_have_files_of_the_same_names(tmp_path: Path) -> None:
    first = declare(tmp_path / "first")
    second = declare(
        tmp_path / "second",
        views=VIEWS.replace('name="crowd"', 'name="throng"').replace("crowd__n", "throng__n"),
    )
    before = set(sys.modules)
    assert register(first) == ["crowd", "prices"]
    assert register(second) == ["prices", "throng"]
    assert register(first) == ["crowd", "prices"]
    assert names(second) == {"prices", "throng"}
    assert not {"entities", "views", "services"} & (set(sys.modules) - before)
    assert not [each for each in sys.path if each.startswith(str(tmp_path))]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nowhere_to_be_found", r"services\.py: line 1: ModuleNotFoundError: No module"),
        ("\n\nfrom views import throng", r"services\.py: line 3: ImportError: cannot import"),
        ("x = (1,\n", r"services\.py: line 1: SyntaxError: "),
        ("\nundeclared.name", r"services\.py: line 2: NameError: name 'undeclared'"),
        ("import views\nviews.throng", r"services\.py: line 2: AttributeError: module 'views'"),
        ("{}['key']", r"services\.py: line 1: KeyError: 'key'"),
    ],
)
def test_a_definition_that_cannot_be_imported_is_told_with_its_place(
    tmp_path: Path, text: str, told: str
) -> None:
    project = declare(tmp_path / "market", services=text)
    path, modules = list(sys.path), set(sys.modules)
    with pytest.raises(DeclarationError, match=rf"^feature_repo/{told}"):
        register(project)
    assert sys.path == path
    assert not {"entities", "views", "services"} & (set(sys.modules) - modules)


def test_what_feast_refuses_is_a_mistake_of_the_declarations(tmp_path: Path) -> None:
    twice = (
        VIEWS + '\nthrong = FeatureView(name="CROWD", entities=[stall], source=mart("throng"))\n'
    )
    project = declare(tmp_path / "market", views=twice)
    with pytest.raises(DeclarationError, match="Conflicting"):
        register(project)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("project: [", "not valid YAML"),
        ("project: market", "Registry is not set"),
        (
            "project: market\nregistry: x\nprovider: local\nonline_store: {type: no.such.Store}",
            "no.such",
        ),
    ],
)
def test_a_wrong_store_is_told_with_its_file(tmp_path: Path, text: str, told: str) -> None:
    project = declare(tmp_path / "market")
    (project.feature_repo / "feature_store.yaml").write_text(text)
    with pytest.raises(DeclarationError, match=rf"(?s)^feature_repo/feature_store\.yaml: .*{told}"):
        register(project)


def test_no_store_is_told(tmp_path: Path) -> None:
    project = declare(tmp_path / "market")
    (project.feature_repo / "feature_store.yaml").unlink()
    with pytest.raises(DeclarationError, match=r"feature_store\.yaml: the file does not exist"):
        open_store(project)


def test_the_settings_name_the_file_and_the_environment_fills_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = declare(tmp_path / "market")
    text = yaml.safe_dump({**STORE, "project": "${TEST_PROJECT_NAME}"})
    (project.feature_repo / "other.yaml").write_text(text, encoding="utf-8")
    settings = project.settings.model_copy(update={"feature_store": "other.yaml"})
    other = Project(project.root, settings)
    with pytest.raises(DeclarationError, match=r"other\.yaml: the variable TEST_PROJECT_NAME is"):
        open_store(other)
    monkeypatch.setenv("TEST_PROJECT_NAME", "bazaar")
    assert open_store(other).project == "bazaar"
    assert open_store(project).project == "market"
