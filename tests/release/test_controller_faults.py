"""The controller's own process, killed with `kill -9` right before and after every transition."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psutil
import pytest

from perennial.declare.project import Project
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.keep.releases import Release
from perennial.release import release, roll_back, steer

from .conftest import MODEL, NIGHT, Score, Traffic, failing, good, opposite, put

pytestmark = [pytest.mark.faults, pytest.mark.serving]

DECLARED: dict[str, Any] = {
    "shadow": {"min_requests": 40},
    "steps": [0.5],
    "min_requests": 40,
    "guardrails": {"errors": 0.4, "latency": None, "score_shift": 0.4},
    "armed_hours": 0,
}
FORWARD = ["pending", "shadow", "canary", "promoted", "done"]
BACK = ["pending", "shadow", "rolling_back", "rolled_back"]
BACK_AFTER = ["promoted", "rolling_back", "rolled_back"]


class Ready(BaseHTTPRequestHandler):
    """A slot whose server answers."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its signature
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Ready)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def project(
    make_project: Callable[..., Project],
    champions: list[str],
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    made = make_project(n_days=0, release=DECLARED)
    sources = made.root / "data" / "__sources.yml"
    sources.parent.mkdir(exist_ok=True)
    sources.write_text("version: 2\nsources: []\n", encoding="utf-8")  # what makes it a project
    ledger = Ledger.of(made)
    ledger.reserve(MODEL, port - 1)  # the second of them is the challenger's
    put(made, "v1", "blue")
    release(MODEL, "2024-01-31", project=made)
    put(made, "v2", "green")
    return made


@contextmanager
def controlling(project: Project, crash_at: str = "") -> Iterator[subprocess.Popen[bytes]]:
    log = project.var / "controller.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "perennial.cli", "controller"],
            env={
                **os.environ,
                "PERENNIAL_PROJECT": str(project.root),
                "PERENNIAL_CRASH_AT": crash_at,
            },
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        for child in psutil.Process(process.pid).children() if process.poll() is None else []:
            child.kill()
        process.kill()
        process.wait()


def drive(
    project: Project,
    traffic: Traffic,
    until: Callable[[], bool],
    process: subprocess.Popen[bytes],
    seconds: float = 60,
) -> None:
    """Ask without end until something is so; fails with the controller's log."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not until():
        assert time.monotonic() < deadline, (project.var / "controller.log").read_text()[-3000:]
        check(project)
        traffic.ask(10)
        pause.wait(0.1)


def check(project: Project) -> None:
    """What must hold at any moment, whoever was killed."""
    ledger = Ledger.of(project)
    newest = releases.of_model(ledger, MODEL, limit=1)[0]  # first: it may end before the next line
    route = ledger.live(MODEL)
    assert route is not None
    assert route.champion.version in ("v1", "v2")
    assert route.weight in (0.0, 0.5)
    assert len(releases.all_open(ledger)) <= 1
    if not newest.is_open:
        assert (route.weight, route.shadow, route.challenger) == (0, 0, None)
    ledger.engine.dispose()


def find(project: Project, release_id: int) -> Release:
    ledger = Ledger.of(project)
    found = releases.find(ledger, release_id)
    ledger.engine.dispose()
    return found


CRASHES = [
    *((when, state, good) for state in FORWARD[1:] for when in ("before", "after")),
    *((when, state, opposite) for state in BACK[2:] for when in ("before", "after")),
]


@pytest.mark.parametrize(
    ("when", "state", "new"), CRASHES, ids=[f"{when} {state}" for when, state, _ in CRASHES]
)
def test_killed_at_a_transition_the_next_controller_goes_on(
    project: Project,
    make_traffic: Callable[..., Traffic],
    when: str,
    state: str,
    new: Score,
) -> None:
    begun = release(MODEL, NIGHT, project=project).release_id
    traffic = make_traffic(new=new)
    with controlling(project, f"{when} {state}") as dying:
        drive(project, traffic, lambda: dying.poll() is not None, dying)
        assert dying.returncode == -9
    check(project)
    states = [each.state for each in releases.record(Ledger.of(project), begun)]
    path = FORWARD if new is good else BACK
    n_done = path.index(state) + (when == "after")
    assert states == path[:n_done]
    with controlling(project) as going_on:
        drive(project, traffic, lambda: not find(project, begun).is_open, going_on)
    record = releases.record(Ledger.of(project), begun)
    assert [each.state for each in record] == path
    current = Ledger.of(project).current(MODEL)
    assert current is not None
    assert current[0].version == ("v2" if new is good else "v1")
    routed = [each["version"] for each in Ledger.of(project).history(MODEL)]
    assert routed == (["v1", "v2"] if new is good else ["v1"])


SHADOW = {"kind": "shadow", "shadow": {"min_requests": 40}}
AB = {
    "kind": "ab",
    "shadow": None,
    "min_requests": 40,
    "ab": {"hours": 1, "metric": "errors", "margin": 0.3},
}
ITS_TIME_IS_OVER = {**AB, "ab": {"hours": 1e-9, "metric": "errors", "margin": 0.3}}
WAYS: dict[str, tuple[dict[str, Any], list[str], Score]] = {
    "shadow": ({**SHADOW, "then": "promote"}, ["pending", "shadow", "promoted", "done"], good),
    "shadow back": (SHADOW, ["pending", "shadow", "rolling_back", "rolled_back"], opposite),
    "ab": (AB, ["pending", "canary", "promoted", "done"], good),
    "ab back": (AB, ["pending", "canary", "rolling_back", "rolled_back"], failing),
    "blue_green": ({"kind": "blue_green"}, ["promoted", "done"], good),
    "blue_green back": ({"kind": "blue_green"}, BACK_AFTER, failing),
}
OTHER_CRASHES = [(name, state) for name, (_, path, _) in WAYS.items() for state in path[1:]]
"""Right after each; right before is right after the one before."""


def die_after(state: str, project: Project, traffic: Traffic) -> None:
    """Let a controller live until it is killed right after it came into a state."""
    with controlling(project, f"after {state}") as dying:
        drive(project, traffic, lambda: dying.poll() is not None, dying)
        assert dying.returncode == -9


@pytest.mark.parametrize(
    ("name", "state"), OTHER_CRASHES, ids=[" ".join(each) for each in OTHER_CRASHES]
)
def test_of_every_kind_killed_after_a_transition_the_next_controller_goes_on(
    project: Project,
    make_project: Callable[..., Project],
    make_traffic: Callable[..., Traffic],
    name: str,
    state: str,
) -> None:
    fields, path, new = WAYS[name]
    common = {"guardrails": DECLARED["guardrails"], "armed_hours": 1e-9 if new is good else 1}
    project = make_project(n_days=0, release={**common, **fields})
    begun = release(MODEL, NIGHT, project=project).release_id
    traffic = make_traffic(new=new)
    if fields is AB:  # no clock in the test: its time is over once enough was asked
        die_after("canary", project, traffic)
        traffic.ask(1000)
        make_project(n_days=0, release={**common, **ITS_TIME_IS_OVER})
    if (fields is AB, state) != (True, "canary"):
        die_after(state, project, traffic)
    check(project)
    states = [each.state for each in releases.record(Ledger.of(project), begun)]
    assert states == path[: path.index(state) + 1]
    with controlling(project) as going_on:
        drive(project, traffic, lambda: not find(project, begun).is_open, going_on)
    states = [each.state for each in releases.record(Ledger.of(project), begun)]
    assert states == path, find(project, begun).why
    current = Ledger.of(project).current(MODEL)
    assert current is not None
    assert current[0].version == ("v2" if path[-1] == "done" else "v1")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_promotion_that_was_killed_is_aborted_all_the_same(
    project: Project, make_traffic: Callable[..., Traffic], when: str
) -> None:
    begun = release(MODEL, NIGHT, project=project).release_id
    traffic = make_traffic()
    with controlling(project, f"{when} promoted") as dying:
        drive(project, traffic, lambda: dying.poll() is not None, dying)
    for _ in range(2):
        aborted = steer(MODEL, "abort", "no", by="ann", project=project)
        assert (aborted.state, aborted.serves) == ("rolled_back", "v1")
    with controlling(project):
        until_it_runs(project, 2)
        traffic.ask(50)
        check(project)
    assert find(project, begun).state == "rolled_back"


def test_an_abort_while_no_controller_lives_holds_for_the_next(
    project: Project, make_traffic: Callable[..., Traffic]
) -> None:
    begun = release(MODEL, NIGHT, project=project).release_id
    traffic = make_traffic()
    with controlling(project, "after canary") as dying:
        drive(project, traffic, lambda: dying.poll() is not None, dying)
    report = roll_back(MODEL, NIGHT, "nobody minds it", project=project)
    assert report.state == "rolled_back"
    with controlling(project) as idle:
        until_it_runs(project, 2)
        traffic.ask(50)
        assert idle.poll() is None
        check(project)
    assert find(project, begun).state == "rolled_back"


def test_an_idle_controller_is_small_and_cheap(project: Project) -> None:
    with controlling(project) as idle:
        until_it_runs(project)
        process = psutil.Process(idle.pid)
        before, began = process.cpu_times(), time.monotonic()
        threading.Event().wait(3)
        after, seconds = process.cpu_times(), time.monotonic() - began
        used = after.user + after.system - before.user - before.system
        assert used / seconds < 0.04
        assert process.memory_info().rss < 150e6


def until_it_runs(project: Project, n: int = 1) -> None:
    log = project.var / "controller.log"
    deadline = time.monotonic() + 30
    while log.read_text().count("controller runs") < n:
        assert time.monotonic() < deadline
        time.sleep(0.05)
