"""Airflow's processes under the project's supervisor, started as commands."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from perennial.declare.project import Project
from perennial.deploy import airflow_settings, waiting
from perennial.errors import DeclarationError, UnavailableError

COMPONENTS: dict[str, list[str]] = {
    "airflow-api-server": ["api-server"],
    "airflow-scheduler": ["scheduler", "--skip-serve-logs"],
    "airflow-dag-processor": ["dag-processor"],
    "airflow-triggerer": ["triggerer", "--skip-serve-logs"],
}
"""The supervisor's name of each process, and Airflow's own command.

Logs are read from the files, so that no server has to serve them.
"""

HEALTH = "/api/v2/monitor/health"
SECONDS = 120.0


def is_declared(project: Project) -> bool:
    """Whether the project has DAG files."""
    return (project.root / "dags").is_dir()


def run(project: Project, arguments: list[str]) -> NoReturn:
    """Become Airflow's own command line, with the project's settings."""
    if not is_declared(project):
        raise DeclarationError([f"{project.root}: no folder dags, so Airflow has nothing to run"])
    environment = airflow_settings.environment(project)
    airflow_settings.home(project).mkdir(parents=True, exist_ok=True)
    os.execvpe("airflow", ["airflow", *arguments], environment)  # noqa: S606  # no shell is meant


def migrate(project: Project, log: Path) -> None:
    """Make or update Airflow's database. Twice is the same as once."""
    airflow_settings.home(project).mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(
            ["airflow", "db", "migrate"],
            env=airflow_settings.environment(project),
            cwd=project.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise UnavailableError(f"Airflow's database could not be made:\n{waiting.tail(log)}")


def until_ready(project: Project, lives: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Return as soon as every process of Airflow says that it is healthy.

    Raises `UnavailableError`, with what each of them says, when they are not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while states := unhealthy(project):
        if time.monotonic() > deadline or not lives():
            told = ", ".join(f"{name}: {state}" for name, state in states.items())
            raise UnavailableError(
                f"Airflow on port {project.settings.airflow_port} was not ready within "
                f"{seconds:g} s ({told}); see var/logs/airflow-*.log"
            )
        time.sleep(4 * waiting.STEP_SECONDS)


def unhealthy(project: Project) -> dict[str, str]:
    """What is not healthy, by Airflow's own words; empty when all is."""
    found = waiting.get(project.settings.airflow_port, HEALTH)
    if not isinstance(found, dict):
        return {"api-server": "does not answer"}
    states = {name: str((each or {}).get("status")) for name, each in found.items()}
    return {name: state for name, state in states.items() if state != "healthy"}
