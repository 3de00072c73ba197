"""MLflow as docker-compose.yaml runs it: its own command, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.train import train
from perennial.train.registry import Registry, set_champion

from ..real_servers import free_port  # noqa: TID252  # tests are no installed package
from .conftest import SERVICES, Processes, answers, until

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


def test_versions_are_registered_on_a_server_with_postgres(
    make_project: Any,
    tmp_path: Path,
    database: Callable[[str], str],
    processes: Processes,
) -> None:
    port = free_port()
    here = {
        "0.0.0.0": "127.0.0.1",
        "5000": str(port),
        "mlflow:5000,127.0.0.1:5000": f"127.0.0.1:{port}",
        "/project/var/mlflow/artifacts": str(tmp_path / "var" / "mlflow" / "artifacts"),
    }
    command = [here.get(each, each) for each in SERVICES["mlflow"]["command"]]
    environment = {"MLFLOW_BACKEND_STORE_URI": database("mlflow"), "DO_NOT_TRACK": "true"}
    processes.start("mlflow", command, tmp_path, environment)
    url = f"http://127.0.0.1:{port}"
    until(lambda: answers(f"{url}/health"), processes.told)
    local = make_project()
    project = Project(local.root, local.settings.model_copy(update={"mlflow_uri": url}))
    trained = train("ripeness", "2024-01-21", project=project)
    registry = Registry(project)
    number = registry.find("ripeness", trained.digest)
    assert number == 1
    assert set_champion(project, "ripeness", trained.version) == 1
    assert registry.digest_of("ripeness", "champion") == trained.digest
    again = train("ripeness", "2024-01-21", project=project)
    assert registry.find("ripeness", again.digest) == 1
    kept = list((tmp_path / "var" / "mlflow" / "artifacts").rglob("model.txt"))
    assert kept, "the server keeps the version's files"
    assert not (tmp_path / "var" / "mlflow" / "mlflow.db").exists()
