"""How many questions a second does the gateway answer? Its real process, slots that cost nothing.

    python benchmarks/bench_gateway.py [--connections 16] [--seconds 4] [--runs 5]
                                       [--weight 0.5] [--shadow 1.0] [--write]

Starts the gateway of the repository's declarations in a temporary folder, bound to one core, with
an empty online store and slots that answer at once from this process. Asks /predict one question at
a time over kept connections, and prints requests a second and the 50th and 99th percentile of what
a caller waits (median of the runs), and the gateway's own processor time per request, which other
load on the machine disturbs least: without a release, with half of the traffic for a new version,
and with all of it copied; `--weight` and `--shadow` measure these shares only. `--write` puts the
table into the documentation.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson
from sections import DOCS, fill, load, machine

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.features.repository import register
from perennial.keep.ledger import Ledger

REPOSITORY = Path(__file__).parents[1]
MODEL = "flight_delay"
VERSIONS = {"blue": "0123456789ab", "green": "ba9876543210"}
SERVE = """
import sys
from pathlib import Path
from perennial.serve.process import serve
serve(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2]), {"BENTOML_HOME": sys.argv[3]})
"""
SHARES = [(0.0, 0.0), (0.5, 0.0), (0.0, 1.0)]
"""Of the new version: what it answers, what it is only asked too."""
HEAD = (
    "| new version answers | is asked too | requests/s | median ms | p99 ms "
    "| gateway's processor, ms a request |\n|---:|---:|---:|---:|---:|---:|"
)
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def project_in(folder: Path, slot_port: int) -> Project:
    """The repository's declarations, without its data."""
    for name in ("data", "feature_repo", "models", "bentofiles"):
        ignored = shutil.ignore_patterns("lake", "__pycache__")
        shutil.copytree(REPOSITORY / name, folder / name, symlinks=True, ignore=ignored)
    settings = Settings(project=None, mlflow_uri=None, ledger_url=None, slot_port=slot_port)
    project = Project(folder, settings)
    register(project)
    return project


def free_port(n: int = 1) -> int:
    """The first of n free ports in a row."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        try:
            for port in range(first, first + n):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def route(project: Project, weight: float, shadow: float) -> None:
    """Let blue serve, and green be tried with these shares."""
    ledger = Ledger.of(project)
    ledger.reserve(MODEL, project.settings.slot_port)
    for slot, version in VERSIONS.items():
        ledger.set_slot(MODEL, slot, version, "proven")
    ledger.route(MODEL, "blue", VERSIONS["blue"], "for the benchmark", "benchmark")
    if not weight and not shadow:
        return
    from perennial.keep.release_changes import Change, plan, start, transition

    champion = ledger.live(MODEL).champion
    begun = plan(
        MODEL, VERSIONS["green"], "green", night="2013-03-01", why="measured", stable=champion
    )
    change = Change("canary", "step", "measured", weight=weight, shadow=shadow)
    transition(ledger, start(ledger, begun, "benchmark"), change, "benchmark")


async def message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """One HTTP message: its head and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = LENGTH.search(head)
    return head, await reader.readexactly(int(found[1]) if found else 0)


async def slot(version: str, port: int) -> asyncio.Server:
    """A slot that always says the same, at once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                _, body = await message(reader)
                n = len(next(iter(orjson.loads(body)["columns"].values())))
                told = {"version": version, "scores": [0.25] * n, "unknown": [[]] * n}
                said = orjson.dumps(told)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", port)


def question(project: Project, number: int) -> bytes:
    fields = {field.name: field.example for field in project.model(MODEL).request.fields}
    body = orjson.dumps(
        {name: number if type(value) is int else value for name, value in fields.items()}
    )
    head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def ask(port: int, questions: list[bytes], until: float, waited: list[float]) -> None:
    """One caller: a question, its answer, the next question."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    n = 0
    while (began := time.perf_counter()) < until:
        writer.write(questions[n % len(questions)])
        head, _ = await message(reader)
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not answered: {head!r}")
        waited.append(time.perf_counter() - began)
        n += 1
    writer.close()


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def until_ready(port: int, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            head, _ = await message(reader)
            writer.close()
            if head.startswith(b"HTTP/1.1 200"):
                return
        except (OSError, asyncio.IncompleteReadError):
            pass
        await asyncio.sleep(0.1)
    raise SystemExit("the gateway does not become ready")


async def measure(project: Project, pid: int, port: int, asked: argparse.Namespace) -> str:
    servers = [
        await slot(version, project.settings.slot_port + n)
        for n, version in enumerate(VERSIONS.values())
    ]
    await until_ready(port)
    questions = [question(project, number) for number in range(1, 200)]
    rates, medians, tails, costs = [], [], [], []
    for run in range(asked.runs + 1):
        waited: list[float] = []
        began, before = time.perf_counter(), processor_seconds(pid)
        until = began + (asked.seconds if run else 1)  # the first one only warms up
        await asyncio.gather(
            *(ask(port, questions, until, waited) for _ in range(asked.connections))
        )
        seconds, spent = time.perf_counter() - began, processor_seconds(pid) - before
        if run:
            rates.append(len(waited) / seconds)
            medians.append(float(np.quantile(waited, 0.5)) * 1000)
            tails.append(float(np.quantile(waited, 0.99)) * 1000)
            costs.append(spent / len(waited) * 1000)
    for server in servers:
        server.close()
    return (
        f"{statistics.median(rates):,.0f} | {statistics.median(medians):.1f} "
        f"| {statistics.median(tails):.1f} | {statistics.median(costs):.3f} |"
    )


def row(asked: argparse.Namespace, weight: float, shadow: float) -> str:
    """A line of the table: one gateway, started and asked."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        project = project_in(Path(folder), free_port(len(VERSIONS)))
        route(project, weight, shadow)
        log = Path(folder) / "gateway.log"
        with log.open("wb") as output:
            gateway = subprocess.Popen(
                [
                    sys.executable, "-c", SERVE, str(project.root / "bentofiles" / "gateway"),
                    str(port), str(project.var / "bentoml"),
                ],
                env={**os.environ, "PERENNIAL_PROJECT": folder},
                stdout=output, stderr=output,
            )  # fmt: skip
        try:
            os.sched_setaffinity(gateway.pid, {min(os.sched_getaffinity(0))})
            measured = asyncio.run(measure(project, gateway.pid, port, asked))
        except BaseException:
            print(log.read_text()[-3000:], file=sys.stderr)
            raise
        finally:
            gateway.kill()
            gateway.wait()
    return f"| {weight:.0%} | {shadow:.0%} | {measured}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--weight", type=float, default=0)
    parser.add_argument("--shadow", type=float, default=0)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    shares = [(asked.weight, asked.shadow)] if asked.weight or asked.shadow else SHARES
    lines = [HEAD]
    for weight, shadow in shares:
        lines.append(row(asked, weight, shadow))
    told = (
        f"Medians of {asked.runs} runs of {asked.seconds:g} s, {asked.connections} connections, "
        f"one question a request, asked by a client in Python: {machine('bentoml')}. {load()}"
    )
    print("\n".join([*lines, "", told]))
    if asked.write:
        fill(DOCS / "benchmarks.md", "gateway", "\n".join([*lines, "", told]))


if __name__ == "__main__":
    main()
