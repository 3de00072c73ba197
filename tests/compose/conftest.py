"""A project as docker-compose.yaml runs it, by hand: real databases, and each process by itself."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..real_servers import Postgres  # noqa: TID252  # tests are no installed package

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
)["services"]


def until(holds: Callable[[], bool], what: Callable[[], str], seconds: float = 120) -> None:
    """Wait for a condition, with a bound."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


def answers(url: str) -> bool:
    """Whether a server answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, http.client.HTTPException):
        return False


@pytest.fixture
def database(postgres_server: Postgres) -> Callable[[str], str]:
    """A function that makes an empty database and returns its address."""
    return lambda name: postgres_server.create(f"{name}_{uuid.uuid4().hex}")


class Processes:
    """Processes with a log each, in groups that end with the test."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self, name: str, command: list[str], folder: Path, environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a command; programs of this environment come first."""
        clean = {key: value for key, value in os.environ.items() if "PROMETHEUS" not in key}
        with self.log(name).open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**clean, **environment, "PATH": _path()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self._logs / f"{name}.log"

    def told(self) -> str:
        """The last words of all of them."""
        logs = sorted(self._logs.glob("*.log"))
        return "\n".join(
            f"== {log.name}\n{log.read_text('utf-8', 'replace')[-1500:]}" for log in logs
        )

    def end(self) -> None:
        """Kindly first; whatever a process leaves of its group is killed."""
        for process in self._started:
            process.terminate()
        for process in self._started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)
        self._started.clear()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Starts processes; they end with the test."""
    logs = tmp_path / "logs"
    logs.mkdir()
    made = Processes(logs)
    yield made
    made.end()


def _path() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
