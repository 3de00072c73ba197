"""Waits for a server, with a bound."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from perennial.errors import UnavailableError

STEP_SECONDS = 0.05
HERE = "127.0.0.1"


def is_ready(port: int, path: str = "/readyz", host: str = HERE) -> bool:
    """Whether a server answers `path` with 200 within a second."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=1) as response:
            return bool(response.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def until_ready(
    port: int,
    what: str,
    seconds: float,
    log: Path,
    path: str = "/readyz",
    lives: Callable[[], bool] = lambda: True,
) -> None:
    """Return as soon as the server on loopback is ready.

    Raises `UnavailableError` with the end of its log when it is not within `seconds`, or as soon as
    its process does not live any more.
    """
    deadline = time.monotonic() + seconds
    while not is_ready(port, path):
        if not lives():
            raise UnavailableError(f"{what} ended before it was ready; its log ends:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"{what} on port {port} was not ready within {seconds:g} s; its log ends:\n"
                f"{tail(log)}"
            )
        time.sleep(STEP_SECONDS)


def until_runs(host: str, port: int, what: str, version: str, seconds: float) -> None:
    """Return as soon as a server that starts by itself is ready with `version`.

    Raises `UnavailableError`, with what it runs instead, when it is not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (is_ready(port, host=host) and running_version(port, host) == version):
        if time.monotonic() > deadline:
            runs = running_version(port, host) or "nothing"
            raise UnavailableError(
                f"{what} on {host}:{port} was not ready with {version} within {seconds:g} s "
                f"(it runs {runs}); its own log says why"
            )
        time.sleep(STEP_SECONDS)


def tail(log: Path, n_lines: int = 15) -> str:
    """The last lines of a log file."""
    if not log.is_file():
        return f"(no {log.name})"
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-n_lines:])


def running_version(port: int, host: str = HERE) -> str | None:
    """The model version that the server on this port runs; None when none tells."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/version", timeout=2) as response:
            return str(json.loads(response.read())["version"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None


def memory_mb(port: int, host: str = HERE) -> float | None:
    """Megabytes that the predictor on this port takes; None when it does not tell at once."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/version", timeout=0.5) as response:
            return float(json.loads(response.read())["memory_mb"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None


def get(port: int, path: str) -> Any:
    """The JSON answer of a server on loopback; None when it does not answer with 200 and JSON."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as response:
            return json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None


def post(port: int, path: str, body: Any, seconds: float = 30, host: str = HERE) -> Any:
    """The JSON answer of a server to a JSON body."""
    request = urllib.request.Request(
        f"http://{host}:{port}{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310
            return json.loads(response.read())
    except urllib.error.HTTPError as error:
        answer = error.read()[:500].decode(errors="replace")
        raise UnavailableError(f"port {port} answered {error.code} to {path}: {answer}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UnavailableError(f"port {port} does not answer {path}: {error}") from error
