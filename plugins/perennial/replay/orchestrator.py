"""Asks Airflow by its REST API, as any client does."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from perennial.errors import UnavailableError

ENDED = {"success", "failed"}
STEP_SECONDS = 0.5


@dataclass
class Orchestrator:
    """Airflow at `url`, for one login; a token is fetched when it is needed."""

    url: str
    user: str
    password: str = field(repr=False)
    _token: str = field(default="", repr=False)

    def trigger(self, dag: str, night: str) -> str:
        """Start the run of a night (a date); its id."""
        body = {"logical_date": None, "partition_key": night}
        return str(self._ask("POST", f"/api/v2/dags/{dag}/dagRuns", body)["dag_run_id"])

    def run_of(self, dag: str, night: str) -> str | None:
        """The id of the newest run of a night; None when there is none yet."""
        query = urllib.parse.urlencode({"order_by": "-run_after", "limit": 20})
        found = self._ask("GET", f"/api/v2/dags/{dag}/dagRuns?{query}")["dag_runs"]
        ids = [each["dag_run_id"] for each in found if each["partition_key"] == night]
        return str(ids[0]) if ids else None

    def state(self, dag: str, run: str) -> str:
        """The state of a run: queued, running, success or failed."""
        return str(self._ask("GET", self._run(dag, run))["state"])

    def active(self, dag: str) -> list[str]:
        """The ids of the runs that have begun and not ended."""
        found = self._ask("GET", f"/api/v2/dags/{dag}/dagRuns?state=running")["dag_runs"]
        return [str(each["dag_run_id"]) for each in found]

    def tasks(self, dag: str, run: str) -> dict[str, str]:
        """The state of each task of a run that has one."""
        found = self._ask("GET", f"{self._run(dag, run)}/taskInstances?limit=100")
        return {
            each["task_id"]: str(each["state"]) for each in found["task_instances"] if each["state"]
        }

    def unpause(self, dag: str) -> None:
        """Let the scheduler run this DAG."""
        self._ask("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})

    def wait(self, what: str, is_done: Callable[[], bool], seconds: float) -> None:
        """Return as soon as `is_done`; `UnavailableError` when that takes longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while not is_done():
            if time.monotonic() > deadline:
                raise UnavailableError(f"Airflow at {self.url}: {what} took over {seconds:g} s")
            time.sleep(STEP_SECONDS)

    def _run(self, dag: str, run: str) -> str:
        return f"/api/v2/dags/{dag}/dagRuns/{urllib.parse.quote(run, safe='')}"

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        if not self._token:
            login = {"username": self.user, "password": self.password}
            self._token = str(self._send("POST", "/auth/token", login)["access_token"])
        return self._send(method, path, body)

    def _send(self, method: str, path: str, body: Any) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(  # noqa: S310  # the project's own Airflow
            self.url + path,
            method=method,
            headers=headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            answer = error.read()[:500].decode(errors="replace")
            raise UnavailableError(
                f"Airflow at {self.url} answered {error.code} to {method} {path}: {answer}"
            ) from error
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"Airflow at {self.url} does not answer ({error}); `make up` starts it"
            ) from error
