"""Runs one BentoML service as one process on one address (see `worker`).

`bentoml serve` starts a supervisor of its own with a worker below it; here the project's
supervisor is the only one, so that a killed server is one process and its port is free at once.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path
from typing import NoReturn

from perennial.errors import UnavailableError
from perennial.serve.counters import reserve

QUIET = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
    "BENTOML_CONFIG_OPTIONS": "api_server.logging.access.enabled=false",
    "PYTHONDONTWRITEBYTECODE": "1",  # a compiled file beside the service is not in its signature
    "PYTHONWARNINGS": "ignore",  # third parties' deprecations do not belong in a server's log
}


def serve(service: Path, host: str, port: int, environment: dict[str, str]) -> NoReturn:
    """Become the server of the BentoML `service` (a folder with bentofile or Bento).

    The socket is bound before anything heavy is imported, so that a taken port is told at once.
    `environment` names BENTOML_HOME. Raises `UnavailableError` when the address is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise UnavailableError(
            f"{host}:{port} cannot be listened on ({error.strerror}): another process has it"
        ) from error
    listener.set_inheritable(True)
    arguments = [sys.executable, "-m", "perennial.serve.worker", str(service)]
    arguments += [str(listener.fileno())]
    counted = {"PROMETHEUS_MULTIPROC_DIR": str(_counters(environment, port))}
    os.execve(sys.executable, arguments, {**os.environ, **QUIET, **counted, **environment})  # noqa: S606


def _counters(environment: dict[str, str], port: int) -> Path:
    """An empty folder for this server's counters, which BentoML reads from files at /metrics.

    Without one of its own it would tell other processes' counters too, or none at all.
    """
    folder = Path(environment["BENTOML_HOME"]) / "metrics" / str(port)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reserve(folder, os.getpid())  # which stays the same when the server begins
    return folder
