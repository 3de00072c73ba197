"""Reasons where people look: as the note of a task instance and of its run.

The Task SDK of Airflow 3.3 cannot write notes, so they go through the REST API, as a person's do.
A note that cannot be written is only a warning: the reason is in the log, the XCom and the ledger.
"""

from __future__ import annotations

import json
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

logger = logging.getLogger("perennial")

MOST = 1000  # characters that a note may have
SECONDS = 5


def note(context: Mapping[str, Any], sentence: str) -> None:
    """Make `sentence` the note of the running task instance and of its run."""
    task = context["ti"]
    run = f"/api/v2/dags/{quote(task.dag_id)}/dagRuns/{quote(task.run_id)}"
    instance = f"{run}/taskInstances/{quote(task.task_id)}"
    if task.map_index is not None and task.map_index >= 0:
        instance += f"/{task.map_index}"
    try:
        token = _token()
        for path in (instance, run):
            _ask("PATCH", path, {"note": sentence[:MOST]}, token)
    except (OSError, KeyError, ValueError) as error:
        logger.warning("the note was not written (%s): %s", error, sentence)


def _token() -> str:
    file = os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]
    user, password = next(iter(json.loads(Path(file).read_text(encoding="utf-8")).items()))
    answer = _ask("POST", "/auth/token", {"username": user, "password": password})
    return str(answer["access_token"])


def _ask(method: str, path: str, body: dict[str, Any], token: str = "") -> Any:
    server = os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].split("/execution")[0]
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(  # noqa: S310  # Airflow's own address
        server + path, json.dumps(body).encode(), headers, method=method
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
        return json.loads(response.read())
