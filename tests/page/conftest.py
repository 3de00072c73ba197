"""A project as after two months of nights, and its page asked as a browser asks."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable

import httpx
import pytest
from fastapi import HTTPException

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial_airflow.page.app import make_app

from . import seeds

Get = Callable[..., httpx.Response]


@pytest.fixture
def empty(make_project: Callable[..., Project]) -> Project:
    """A declared model that nothing has happened to."""
    return make_project(n_days=0)


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What two months of nights leave in `var`, made once."""
    settings = Settings(project=None, mlflow_uri=None, ledger_url=None)
    project = Project(tmp_path_factory.mktemp("lived"), settings)
    seeds.seed(project)
    return project


@pytest.fixture
def project(empty: Project, lived: Project) -> Project:
    shutil.copytree(lived.var, empty.var, dirs_exist_ok=True)
    return empty


def asking(project: Project, *, is_known: bool = True) -> Get:
    """A function that gets a path of the project's page, as somebody who has logged in or not."""

    def guard() -> None:
        if not is_known:
            raise HTTPException(401, "Not authenticated")

    def find() -> Project:
        return Project(project.root, project.settings)

    app = make_app(find, guard, lambda back_to: f"/login?next={back_to}")

    def get(path: str, **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())

    return get


@pytest.fixture
def get(project: Project) -> Get:
    return asking(project)
