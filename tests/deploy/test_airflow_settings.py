"""Airflow's settings are made of the project's, in one place, and keep their secrets."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perennial.declare.project import Project
from perennial.deploy import airflow_processes, airflow_settings
from perennial.deploy.supervisor import watchers
from perennial.errors import DeclarationError

SECRET = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")


@pytest.fixture(autouse=True)
def without_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which nobody has set Airflow up."""
    import os

    for name in [each for each in os.environ if each.startswith("AIRFLOW")]:
        monkeypatch.delenv(name)


def test_everything_listens_on_loopback_and_calls_nobody(project: Project) -> None:
    found = airflow_settings.environment(project)
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert found["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert found["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    for arguments in airflow_processes.COMPONENTS.values():
        serves_logs = arguments[0] in ("scheduler", "triggerer")
        assert ("--skip-serve-logs" in arguments) == serves_logs, "its log server has no host"


def test_secrets_are_made_once_and_only_their_owner_reads_them(project: Project) -> None:
    first = airflow_settings.environment(project)
    again = airflow_settings.environment(project)
    assert [first[name] for name in SECRET] == [again[name] for name in SECRET]
    assert len({first[name] for name in SECRET}) == len(SECRET)
    assert airflow_settings.login(project) == airflow_settings.login(project)
    for name in ("airflow_secrets.json", "airflow_passwords.json"):
        mode = (project.var / "state" / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600


def test_no_two_projects_share_a_secret(
    project: Project, make_project: Callable[..., Project], tmp_path: Path
) -> None:
    other = Project(tmp_path / "other", project.settings)
    assert airflow_settings.login(project) != airflow_settings.login(other)
    mine, theirs = (airflow_settings.environment(each) for each in (project, other))
    assert not {mine[name] for name in SECRET} & {theirs[name] for name in SECRET}


def test_a_variable_that_is_set_wins_but_the_home_is_the_projects_own(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_HOME", "/somewhere/else")
    found = airflow_settings.environment(project)
    assert found["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert found["AIRFLOW_HOME"] == str(project.var / "airflow")
    assert found["PATH"].startswith(str(Path(sys.prefix) / "bin"))


def test_a_project_without_dags_has_no_airflow(project: Project) -> None:
    names = {watcher["name"] for watcher in watchers(project)}
    assert not names & set(airflow_processes.COMPONENTS)
    with pytest.raises(DeclarationError, match="no folder dags"):
        airflow_processes.run(project, ["version"])
    (project.root / "dags").mkdir()
    found = {watcher["name"]: watcher for watcher in watchers(project)}
    assert set(airflow_processes.COMPONENTS) <= set(found)
    assert not any(found[name]["autostart"] for name in airflow_processes.COMPONENTS)
