"""Airflow's settings, made of the project's own: the one place where they are built.

The library only names Airflow's variables; it never imports Airflow. A variable that is set already
wins, so that a deployment with PostgreSQL and Celery uses the same commands.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from pathlib import Path

from perennial.declare.project import Project
from perennial.keep import locks

ADMIN = "admin"
PARALLELISM = 3


def environment(project: Project) -> dict[str, str]:
    """What every process of Airflow needs, on top of this process's own environment."""
    here = f"http://127.0.0.1:{project.settings.airflow_port}"
    keys = _secrets(project)
    wanted = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(project.root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(project.root / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "perennial_airflow.executor.LocalExecutor",
        "AIRFLOW__SCHEDULER__MP_START_METHOD": "forkserver",
        "AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD": "perennial_airflow.preloaded",
        "AIRFLOW__CORE__PARALLELISM": str(PARALLELISM),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords(project)),
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet_key"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{here}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home(project) / 'airflow.db'}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(project.settings.airflow_port),
        "AIRFLOW__API__BASE_URL": here,
        "AIRFLOW__API__SECRET_KEY": keys["secret_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt_secret"],
        "AIRFLOW__API_AUTH__JWT_ISSUER": "perennial",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # A killed scheduler is missed, and its tasks are taken up again, within a minute.
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    own = {
        "AIRFLOW_HOME": str(home(project)),
        "PERENNIAL_PROJECT": str(project.root),
        "PATH": _path(),
    }
    return {**wanted, **os.environ, **own}


def home(project: Project) -> Path:
    """Where Airflow keeps its database and its logs."""
    return project.var / "airflow"


def address(project: Project) -> str:
    """Where Airflow's pages are."""
    return f"http://127.0.0.1:{project.settings.airflow_port}"


def login(project: Project) -> tuple[str, str]:
    """The administrator's name and password, made the first time."""
    _secrets(project)
    passwords = json.loads(_passwords(project).read_text(encoding="utf-8"))
    return ADMIN, str(passwords[ADMIN])


def _passwords(project: Project) -> Path:
    return project.var / "state" / "airflow_passwords.json"


def _secrets(project: Project) -> dict[str, str]:
    """Keys that all of Airflow's processes share, made once and readable by their owner only."""
    file = project.var / "state" / "airflow_secrets.json"
    with locks.exclusive(project.var / "locks", "airflow-secrets", 30):
        if given := project.settings.airflow_password:
            _write(_passwords(project), {ADMIN: given.get_secret_value()})
        elif not _passwords(project).is_file():
            _write(_passwords(project), {ADMIN: secrets.token_urlsafe(12)})
        if not file.is_file():
            _write(
                file,
                {
                    "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                    "secret_key": secrets.token_urlsafe(32),
                    "jwt_secret": secrets.token_urlsafe(48),
                },
            )
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _write(file: Path, content: dict[str, str]) -> None:
    """Write a file that only its owner can read, at no moment anybody else."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(json.dumps(content))
    os.replace(beside, file)


def _path() -> str:
    """The search path with this interpreter's programs first: Airflow starts `airflow` by name."""
    programs = str(Path(sys.prefix) / "bin")
    others = [each for each in os.environ.get("PATH", "").split(os.pathsep) if each != programs]
    return os.pathsep.join([programs, *others])
