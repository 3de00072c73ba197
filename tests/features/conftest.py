"""The market, registered and filled once, then copied for each test that writes to it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from perennial.declare.project import Project

from .market import NOON, declare, fill


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A market whose online store shows noon; not to be written to."""
    from perennial.features.refill import refill
    from perennial.features.repository import register

    project = declare(tmp_path_factory.mktemp("market") / "market")
    fill(project)
    register(project)
    refill(project, NOON)
    return project


@pytest.fixture
def market(prepared: Project, tmp_path: Path) -> Project:
    """A market of one's own."""
    shutil.copytree(prepared.root, tmp_path / "market")
    return Project(tmp_path / "market", prepared.settings)
