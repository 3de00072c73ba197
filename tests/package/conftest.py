from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.judge import Judged, judge
from perennial.keep.files import replace_text
from perennial.train import train

SERVICE = """
import bentoml


@bentoml.service(name="predictor")
class Predictor:
    @bentoml.api
    def version(self) -> str:
        return "of this Bento"
"""
BENTOFILE = """
service: "service:Predictor"
include: ["service.py", "model/*", "reference.json", "MODEL_CARD.md", "judged.json"]
python: {lock_packages: false}
"""


@pytest.fixture(autouse=True)
def _no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow takes seconds and is no part of packaging."""

    class NoRegistry:
        def __init__(self, project: Any) -> None: ...

        def register(self, trained: Any, curve: Any) -> int:
            return 1

        def register_form(self, model: str, digest: str, trained: str, facts: Any) -> int:
            return 2

    monkeypatch.setattr("perennial.train.registry.Registry", NoRegistry)


@pytest.fixture
def blessed(make_project: Any) -> Project:
    """A project whose candidate was judged and blessed, with a small service to package."""
    project: Project = make_project(package={"reference_rows": 20})
    train("ripeness", "2024-01-21", project=project)
    write_judgement(project, judge("ripeness", "2024-01-31", project=project))
    write_service(project)
    return project


def write_service(project: Project) -> None:
    """A small service to package."""
    service = project.root / "bentofiles" / "predictor"
    service.mkdir(parents=True, exist_ok=True)
    (service / "service.py").write_text(SERVICE)
    (service / "bentofile.yaml").write_text(BENTOFILE)


def write_judgement(project: Project, judged: Judged) -> None:
    """What the command line does with a report."""
    path = project.var / "reports" / "judge" / "ripeness.json"
    replace_text(path, judged.model_dump_json())


@pytest.fixture
def quick_build(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Puts the build folder in the Bento's place, without BentoML; lists what was built."""
    built: list[str] = []

    def build(project: Project, model: str, version: str, folder: Path) -> Path:
        from perennial.keep.ledger import bento_folder

        built.append(version)
        target = bento_folder(project, model, version)
        shutil.rmtree(target, ignore_errors=True)
        return Path(shutil.copytree(folder, target / "src"))

    monkeypatch.setattr("perennial.package.packaging.build", build)
    return built


WriteJudgement = Callable[[Project, Judged], None]


@pytest.fixture
def judgement() -> WriteJudgement:
    """The function that writes a judgement to its place."""
    return write_judgement


@pytest.fixture
def service() -> Callable[[Project], None]:
    """The function that writes a small service to package."""
    return write_service
