"""Starts the servers that the gateway is compared with, and ends them by their process group."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from serving.parcels import COLUMNS

HERE = Path(__file__).parent


@contextmanager
def server(command: list[str], model: Path, folder: Path, workers: int = 1) -> Iterator[int]:
    """A server for as long as this context lasts; its process id. It writes to `folder`'s log."""
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
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def processor_seconds(pid: int) -> float:
    """What a process and all below it have used of the processor."""
    spent = 0.0
    root = psutil.Process(pid)
    for each in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            spent += sum(each.cpu_times()[:2])
    return spent


def until_idle(pid: int, seconds: float = 20, share: float = 0.1) -> None:
    """Wait until a process and all below it use less than a share of one core: what a server still
    does after its last answer is its own, and not to be paid by the next."""
    deadline = time.monotonic() + seconds
    spent, is_idle = processor_seconds(pid), False
    while not is_idle and time.monotonic() < deadline:
        time.sleep(1)
        now = processor_seconds(pid)
        spent, is_idle = now, now - spent < share


@contextlib.contextmanager
def preferred(pids: Iterable[int]) -> Iterator[None]:
    """Let the kernel prefer these processes, all below them and this one, where it lets us.

    For a machine that others use meanwhile: Linux shares its cores by session (autogroup), and only
    root may ask for more. Afterwards all is as before.
    """
    mine = [psutil.Process()]
    for pid in pids:
        mine += [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    try:
        _prefer(mine, -19)
        yield
    finally:
        _prefer(mine, 0)


def _prefer(processes: Iterable[psutil.Process], nice: int) -> None:
    for each in processes:
        with contextlib.suppress(OSError):
            Path(f"/proc/{each.pid}/autogroup").write_text(str(nice), encoding="utf-8")


def plain_bentoml(port: int) -> list[str]:
    """The command of the plain BentoML service."""
    where = ["--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "bentoml", "serve", str(HERE / "plain_bentoml"), *where]


def minimal_fastapi(port: int) -> list[str]:
    """The command of the minimal FastAPI service."""
    where = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    app = ["--app-dir", str(HERE), "minimal_fastapi:app"]
    return [sys.executable, "-m", "uvicorn", *where, *app]
