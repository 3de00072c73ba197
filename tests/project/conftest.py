"""The second project, taken from its files to an answering endpoint through the command line."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.deploy import supervision

collect_ignore = ["second"]  # a project's files, not tests

REPOSITORY = Path(__file__).parents[2]
FIRST, END = "2024-05-01", "2024-06-10"
TRAINED_AT = "2024-05-27"
MODEL = "rental_minutes"
STATIONS = {"harbour": 8.0, "market": 0.0, "museum": 4.0, "park": 15.0, "station": -3.0}
KINDS = {"city": 18.0, "cargo": 30.0, "electric": 24.0}
RENTALS_A_DAY = 130


@dataclass
class World:
    """A project on disk, its reports, and the doors to it."""

    root: Path
    gateway_port: int
    environment: dict[str, str]
    token: str = ""
    reports: dict[str, Any] = field(default_factory=dict)

    def run(self, *arguments: str) -> str:
        """What a command prints; AssertionError with its errors when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "perennial.cli", *arguments],
            env=self.environment, cwd=self.root, capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, f"perennial {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def stage(self, name: str, *arguments: str, layer: str = "") -> None:
        """Run a stage and keep its report."""
        if layer:
            arguments = ("--layer", layer, *arguments)
        self.reports[f"{name} {layer}".strip()] = self.json(name, *arguments)

    def json(self, *arguments: str) -> Any:
        """The report that a command prints."""
        return json.loads(self.run(*arguments, "--json"))

    def post(self, path: str, body: Any) -> Any:
        """The gateway's answer to a JSON body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.gateway_port}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read())

    def processes(self) -> list[int]:
        """The living processes that were started for this project, the supervisor among them.

        The supervisor changes its title, which writes over its environment: its file names it.
        """
        mark = f"PERENNIAL_PROJECT={self.root}".encode()
        found = {self.supervisor().pid} if supervision.is_running(self.project) else set()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # ended meanwhile, or another user's
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.add(int(folder.name))
        return sorted(found)

    def supervisor(self) -> psutil.Process:
        """The process that runs all others, by the file that it leaves while it runs."""
        told = (self.root / "var" / "state" / "supervisor.pid").read_text(encoding="utf-8")
        return psutil.Process(int(told.split()[0]))

    @property
    def project(self) -> Project:
        """The project as the library sees it."""
        port = int(self.environment["PERENNIAL_SUPERVISOR_PORT"])
        settings = Settings(project=None, mlflow_uri=None, ledger_url=None, supervisor_port=port)
        return Project(self.root, settings)

    def supervised(self, watcher: str, but: int = 0, seconds: float = 60) -> psutil.Process:
        """The process that the supervisor runs under this name, as soon as there is another."""
        project = self.project
        deadline = time.monotonic() + seconds
        while (found := supervision.pids(project, watcher)) in ([], [but]):
            assert time.monotonic() < deadline, f"{watcher} does not run"
            time.sleep(0.05)
        return psutil.Process(found[0])

    def journaled(self) -> list[dict[str, Any]]:
        """Every answer that the gateway has journaled."""
        folder = self.root / "var" / "journal" / "predictions"
        text = "".join(path.read_text() for path in sorted(folder.glob("*.jsonl")))
        entries = [json.loads(line) for line in text.splitlines()]
        return [entry for entry in entries if entry["kind"] == "answer"]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The second project with every stage run and its servers up; all stopped afterwards."""
    with second_project(tmp_path_factory.mktemp("second") / "project") as world:
        live_until_up(world)
        yield world


@pytest.fixture(scope="session")
def placed() -> Callable[[Path], contextlib.AbstractContextManager[World]]:
    """Places another copy of the second project, of which nothing has run, in a folder."""
    return second_project


@contextlib.contextmanager
def second_project(root: Path) -> Iterator[World]:
    """The second project with what is delivered to it and ports of its own; stopped afterwards."""
    shutil.copytree(Path(__file__).parent / "second", root, symlinks=True)
    shutil.copytree(REPOSITORY / "bentofiles", root / "bentofiles")
    deliver(root / "inbox")
    gateway, supervisor, slot = free_ports(1), free_ports(3), free_ports(2)
    others = {name: value for name, value in os.environ.items() if "PERENNIAL_" not in name}
    ports = {
        "PERENNIAL_GATEWAY_PORT": str(gateway),
        "PERENNIAL_SUPERVISOR_PORT": str(supervisor),
        "PERENNIAL_SLOT_PORT": str(slot),
    }
    world = World(root, gateway, {**others, "PERENNIAL_PROJECT": str(root), **ports})
    try:
        yield world
    finally:
        stop(world)


def live_until_up(world: World) -> None:
    """Every stage in order, then the servers."""
    period = ("--start", FIRST, "--end", END)
    world.reports["validate"] = world.run("validate")
    world.stage("land", *period)
    world.stage("check", *period, layer="raw")
    world.stage("layer", *period)
    world.stage("check", *period, layer="marts")
    world.stage("features", "--model", MODEL, *period, "--online-at", END)
    world.stage("train", "--model", MODEL, "--at", TRAINED_AT)
    for name in ("judge", "package", "deploy", "release"):
        world.stage(name, "--model", MODEL, "--at", END)
    world.reports["up"] = world.run("up")


def stop(world: World) -> None:
    """Stop the servers by the door; whatever the door left is killed by its id, and told."""
    ran = [world.supervisor()] if supervision.is_running(world.project) else []
    done = subprocess.run(
        [sys.executable, "-m", "perennial.cli", "down"],
        env=world.environment, cwd=world.root, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    left = {*world.processes(), *(each.pid for each in ran if lives(each))}
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert done.returncode == 0, done.stderr
    assert not left, "perennial down left processes running"


def lives(process: psutil.Process) -> bool:
    """Whether it still runs: what has ended and was not asked for its code by init does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def deliver(inbox: Path) -> None:
    """Forty days of rentals, one CSV file a day, and the stations as JSON lines; the same always.

    How long a rental lasts depends on its station, its kind, the hour, and a mood of the station
    that drifts over hours: only fresh features can see that.
    """
    random = np.random.default_rng(11)
    inbox.mkdir()
    places = [
        {"station": name, "district": "north" if base > 5 else "south", "docks": 10 + 2 * number}
        for number, (name, base) in enumerate(STATIONS.items())
    ]
    text = "".join(json.dumps(each) + "\n" for each in places)
    (inbox / "stations.jsonl").write_text(text, encoding="utf-8")
    mood = dict.fromkeys(STATIONS, 0.0)
    number = 0
    day = date.fromisoformat(FIRST)
    while day < date.fromisoformat(END):
        lines = ["rental,station,kind,taken_at,returned_at,kilometres"]
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        seconds = np.sort(random.integers(0, 86_400, RENTALS_A_DAY))
        for second in seconds.tolist():
            number += 1
            station, kind = str(random.choice(list(STATIONS))), str(random.choice(list(KINDS)))
            mood[station] = 0.9 * mood[station] + random.normal(scale=4.0)
            wave = 6 * np.sin(second / 86_400 * 2 * np.pi)
            minutes = STATIONS[station] + KINDS[kind] + mood[station] + wave + random.normal()
            taken_at = midnight + timedelta(seconds=second)
            returned_at = taken_at + timedelta(seconds=int(60 * max(2.0, minutes)))
            end = "" if random.random() < 0.01 else returned_at.isoformat()
            kilometres = f"{minutes / 5:.1f}" if end else ""
            kind = "unicycle" if number == 77 else kind
            lines.append(f"{number},{station},{kind},{taken_at.isoformat()},{end},{kilometres}")
        (inbox / f"rentals_{day}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        day += timedelta(days=1)


def free_ports(n: int) -> int:
    """The first of `n` ports in a row on loopback that nothing listens on."""
    while True:
        with contextlib.ExitStack() as stack:
            probes = [stack.enter_context(socket.socket()) for _ in range(n)]
            probes[0].bind(("127.0.0.1", 0))
            first = int(probes[0].getsockname()[1])
            try:
                for place, probe in enumerate(probes[1:], 1):
                    probe.bind(("127.0.0.1", first + place))
            except (OSError, OverflowError):
                continue
            return first
