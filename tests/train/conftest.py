from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.keep.ledger import Ledger, bento_folder
from perennial.learn.version_files import read
from perennial.train.candidate import candidate_folder


@pytest.fixture
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow takes seconds and is no part of learning."""

    class NoRegistry:
        def __init__(self, project: Any) -> None: ...

        def register(self, trained: Any, curve: Any) -> int:
            return 1

    monkeypatch.setattr("perennial.train.registry.Registry", NoRegistry)


@pytest.fixture
def serve() -> Callable[[Project], str]:
    """A function that lets the present candidate be what serves, as a release would."""

    def serve_candidate(project: Project) -> str:
        folder = candidate_folder(project, "ripeness")
        version = read(folder).version
        ledger = Ledger.of(project)
        ledger.reserve("ripeness", 4000)
        ledger.set_slot("ripeness", "blue", version, "proven")
        ledger.route("ripeness", "blue", version, "test", "test")
        shutil.copytree(folder, bento_folder(project, "ripeness", version) / "src" / "model")
        return version

    return serve_candidate
