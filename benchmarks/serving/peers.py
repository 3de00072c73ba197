"""Starts the servers that the gateway is compared with, and ends them by their process group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.parcels import COLUMNS

HERE = Path(__file__).parent


@contextmanager
def server(command: list[str], model: Path, folder: Path, workers: int = 1) -> Iterator[None]:
    """A server for as long as this context lasts; it writes to `folder`'s log."""
    environment = {
        **os.environ,
        "BENCHMARK_MODEL": str(model),
        "BENCHMARK_COLUMNS": ",".join(COLUMNS),
        "BENCHMARK_WORKERS": str(workers),
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "DO_NOT_TRACK": "1",
    }
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    folder.mkdir(parents=True)
    with (folder / "server.log").open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def plain_bentoml(port: int) -> list[str]:
    """The command of the plain BentoML service."""
    where = ["--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "bentoml", "serve", str(HERE / "plain_bentoml"), *where]


def minimal_fastapi(port: int) -> list[str]:
    """The command of the minimal FastAPI service."""
    where = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    app = ["--app-dir", str(HERE), "minimal_fastapi:app"]
    return [sys.executable, "-m", "uvicorn", *where, *app]
