"""The real servers: BentoML processes on loopback, asked as any client does, and killed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pickle
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.keep import api_keys
from perennial.keep.journal import read
from perennial.keep.ledger import Ledger
from perennial.learn.loading import load_model

from .conftest import MODEL, QUESTION, SALE, settings, write_version

pytestmark = pytest.mark.serving

BENTOFILES = Path(__file__).parents[2] / "bentofiles"
SERVE = """
import sys
from pathlib import Path
from perennial.serve.process import serve
serve(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2]), {"BENTOML_HOME": sys.argv[3]})
"""
JSON = {"Content-Type": "application/json"}


@dataclass
class Server:
    """One server process, which can be killed and started again on its port."""

    folder: Path
    port: int
    home: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self, declared: dict[str, str] | None = None) -> None:
        self.log = self.folder / "server.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(self.folder), str(self.port), str(self.home)],
                stdout=output,
                stderr=output,
                env={
                    **_clean_environment(),
                    "PERENNIAL_PROJECT": str(self.home.parents[1]),
                    **(declared or {}),
                },
                cwd=self.folder,
            )

    def until_ready(self, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            time.sleep(0.05)
        pytest.fail(f"not ready:\n{self.log.read_text()[-3000:]}")

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body or None, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def post(self, path: str, content: Any) -> Any:
        status, _, body = self.ask("POST", path, json.dumps(content).encode(), JSON)
        assert status == 200, body
        return json.loads(body)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def _clean_environment() -> dict[str, str]:
    """Without what importing Feast has put into this process' own environment."""
    return {name: value for name, value in os.environ.items() if "PROMETHEUS" not in name}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Servers:
    """The bakery served for real: the gateway, and one slot with a fitted model."""

    project: Project
    gateway: Server
    slot: Server
    version: str

    def journaled(self, kind: str = "answer") -> list[Any]:
        entries = read(self.project.var / "journal" / "predictions")
        return [entry for entry in entries if entry.content["kind"] == kind]


@pytest.fixture(scope="module")
def servers(bakery: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with served_from(tmp_path_factory.mktemp("served") / "bakery", bakery) as found:
        yield found


@contextlib.contextmanager
def served_from(root: Path, bakery: Path) -> Iterator[Servers]:
    """A copy of the bakery in the new folder `root`, served for real."""
    shutil.copytree(bakery, root)
    for name in ("gateway", "predictor"):
        shutil.copytree(
            BENTOFILES / name, root / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    version = write_version(root / "predictor")
    project = Project(root, settings())
    home = project.var / "bentoml"
    slot = Server(root / "predictor", free_port(), home)
    gateway = Server(root / "gateway", free_port(), home)
    slot.start()
    gateway.start()
    ledger = Ledger.of(project)
    ledger.reserve(MODEL, slot.port)
    ledger.set_slot(MODEL, "blue", version, "proven")
    ledger.route(MODEL, "blue", version, "for the test", "test")
    try:
        slot.until_ready()
        gateway.until_ready()
        yield Servers(project, gateway, slot, version)
    finally:
        slot.kill()
        gateway.kill()


@pytest.fixture
def locked(servers: Servers) -> Iterator[Server]:
    """A gateway of another project beside the first one's, which asks for keys."""
    root = servers.project.root.with_name("locked")
    shutil.copytree(servers.project.root, root, ignore=shutil.ignore_patterns("writer.lock"))
    server = Server(root / "gateway", free_port(), root / "var" / "bentoml")
    server.start({"PERENNIAL_GATEWAY_ACCESS": "keys"})
    try:
        server.until_ready()
        yield server
    finally:
        server.kill()
        shutil.rmtree(root)


def test_a_question_goes_all_the_way(servers: Servers) -> None:
    answer = servers.gateway.post("/predict", QUESTION)
    learner = load_model(servers.slot.folder / "model")
    (entry,) = [
        each
        for each in servers.journaled()
        if each.content["prediction_id"] == answer["prediction_id"]
    ]
    assert entry.content["features"]["baking__degrees_over_200"] == 30.0
    assert answer["score"] == learner.predict([entry.content["features"]])[0]
    assert answer["version"] == servers.version
    why = servers.gateway.post("/explain", {**QUESTION, "shop": "moon"})
    assert why["unknown"] == [{"field": "shop", "value": "moon"}]
    assert len(why["reasons"]) == 2


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_health_is_told_on_every_port(servers: Servers, path: str) -> None:
    assert servers.gateway.ask("GET", path)[0] == 200
    assert servers.slot.ask("GET", path)[0] == 200


def test_metrics_have_what_we_count(servers: Servers) -> None:
    def metrics(server: Server = servers.gateway) -> dict[str, float]:
        status, headers, body = server.ask("GET", "/metrics")
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain")
        lines = [line for line in body.decode().splitlines() if line and line[0] != "#"]
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}

    answers = (
        f'perennial_answers_total{{model="{MODEL}",variant="champion",version="{servers.version}"}}'
    )
    servers.gateway.post("/predict", QUESTION)
    before = metrics()
    servers.gateway.post("/predict", [QUESTION] * 3)
    servers.gateway.post("/events/sales", SALE)
    servers.gateway.ask("POST", "/predict", b"{}", JSON)
    after = metrics()
    assert after[answers] == before[answers] + 3
    refused = 'perennial_refusals_total{code="invalid"}'
    assert after[refused] == before.get(refused, 0) + 1
    deadline = time.monotonic() + 30  # the gateway looks at the journals once a second
    while metrics().get('perennial_events_last_seq{source="sales"}', 0) < 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert after[f'perennial_answer_seconds_count{{model="{MODEL}"}}'] > 0
    assert answers not in metrics(servers.slot), "each port tells what its own process counted"


@pytest.mark.faults
def test_strangers_cannot_make_the_counters_grow(servers: Servers, locked: Server) -> None:
    def told(server: Server, headers: dict[str, str]) -> list[str]:
        status, _, body = server.ask("GET", "/metrics", headers=headers)
        assert status == 200
        assert b"bentoml_service_request" not in body
        return [line.rsplit(" ", 1)[0] for line in body.decode().splitlines()]

    ledger = Ledger.of(Project(locked.folder.parent, settings()))
    token = api_keys.create(ledger, "prometheus", ["metrics"], "test")[1]
    shown = {"Authorization": f"Bearer {token}"}
    names = random.Random(7)
    for server, headers, status in ((locked, shown, 401), (servers.gateway, {}, 404)):
        for method in ("GET", "POST", "PUT"):  # each status has been told once
            server.ask(method, "/nowhere", b"{}" if method == "POST" else b"", JSON)
        deadline = time.monotonic() + 30  # what the gateway tells once a second has come
        while not any("perennial_journal" in each for each in told(server, headers)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        before = told(server, headers)
        for n in range(200):
            method = ("GET", "POST", "HEAD", "PUT")[n % 4]
            path = f"/{names.randbytes(8).hex()}"
            assert server.ask(method, path, b"{}" if method == "POST" else b"", JSON)[0] == status
        assert told(server, headers) == before


OURS = [
    "/predict",
    f"/predict/{MODEL}",
    "/explain",
    "/feedback",
    "/events/sales",
    "/openapi.json",
    "/version",
]
BENTOS = [
    "/",
    "/livez",
    "/healthz",
    "/readyz",
    "/metrics",
    "/schema.json",
    "/docs.json",
    "/assets/x",
    "/static_content/x",
    "/__ready__",
    "/predict/submit",
]


class Marker:
    """A pickle that writes a file when somebody unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (open, (str(self.path), "w"))


@pytest.mark.faults
@pytest.mark.parametrize("path", OURS + BENTOS)
def test_a_pickle_is_refused_on_every_port_and_path(
    servers: Servers, path: str, tmp_path: Path
) -> None:
    body = pickle.dumps(Marker(tmp_path / "was here"))
    boundary = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.pkl"\r\n\r\n'
    kinds = [
        ("application/vnd.bentoml+pickle", body),
        ("application/octet-stream", body),
        ("multipart/form-data; boundary=x", boundary + body + b"\r\n--x--\r\n"),
        ("text/plain", body),
    ]
    for server in (servers.gateway, servers.slot):
        for kind, content in kinds:
            headers = {"Content-Type": kind, "Payload-Container": "ndarray", "Args-Number": "1"}
            assert server.ask("POST", path, content, headers)[0] == 415
        assert 400 <= server.ask("POST", path, body, JSON)[0] < 500
        assert server.ask("GET", path, body, {"Content-Type": kinds[0][0]})[0] < 500
    assert not (tmp_path / "was here").exists()


def test_a_taken_address_is_told_at_once(servers: Servers) -> None:
    second = Server(servers.gateway.folder, servers.gateway.port, servers.gateway.home)
    second.start()
    assert second.process.wait(timeout=60) != 0
    assert "cannot be listened on" in second.log.read_text()
    servers.gateway.post("/predict", QUESTION)


@pytest.mark.faults
def test_a_tampered_version_never_answers(servers: Servers, tmp_path: Path) -> None:
    folder = tmp_path / "tampered"
    shutil.copytree(servers.slot.folder, folder)
    content = (folder / "model" / "model.txt").read_bytes()
    (folder / "model" / "model.txt").write_bytes(content.replace(b"leaf_value=", b"leaf_value=-"))
    (folder / "server.log").unlink()
    tampered = Server(folder, free_port(), servers.slot.home)
    tampered.start()
    assert tampered.process.wait(timeout=60) != 0
    assert "model.txt differs from its digest" in tampered.log.read_text()


def test_a_hanging_slot_costs_its_time_limit_and_no_more(servers: Servers) -> None:
    servers.slot.process.send_signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        status, headers, _ = servers.gateway.ask(
            "POST", "/predict", json.dumps(QUESTION).encode(), JSON
        )
        assert (status, headers["Retry-After"]) == (503, "1")
        assert time.monotonic() - begun < 3
    finally:
        servers.slot.process.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 10
    while servers.gateway.ask("POST", "/predict", json.dumps(QUESTION).encode(), JSON)[0] != 200:
        assert time.monotonic() < deadline


def test_a_killed_slot_is_told_at_once_and_answers_after_its_restart(servers: Servers) -> None:
    servers.slot.kill()
    begun = time.monotonic()
    status, headers, _ = servers.gateway.ask(
        "POST", "/predict", json.dumps(QUESTION).encode(), JSON
    )
    assert (status, headers["Retry-After"]) == (503, "1")
    assert time.monotonic() - begun < 2
    servers.slot.start()
    servers.slot.until_ready()
    assert servers.gateway.post("/predict", QUESTION)["version"] == servers.version


class Client(threading.Thread):
    """Asks numbered questions without end, and remembers which were answered."""

    def __init__(self, port: int, numbers: Iterator[int], stop: threading.Event) -> None:
        super().__init__()
        self.port, self.numbers, self.stop = port, numbers, stop
        self.answered: dict[str, int] = {}
        self.n_failed = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.stop.is_set():
            number = next(self.numbers)
            body = json.dumps({**QUESTION, "oven": number}).encode()
            try:
                connection.request("POST", "/predict", body, JSON)
                response = connection.getresponse()
                content = response.read()
                if response.status == 200:
                    self.answered[json.loads(content)["prediction_id"]] = number
            except (OSError, http.client.HTTPException):
                self.n_failed += 1
                connection.close()
                time.sleep(0.02)
        connection.close()


def test_a_killed_gateway_loses_no_answer_that_it_gave(servers: Servers) -> None:
    """Kills it twice under load; every answered question is in the journal, once."""
    before = len(servers.journaled())
    stop = threading.Event()
    clients = [Client(servers.gateway.port, iter(range(n, 10**9, 4)), stop) for n in range(4)]
    for client in clients:
        client.start()
    try:
        for _ in range(2):
            _until_more_answers(clients, 150)
            servers.gateway.kill()
            servers.gateway.start()
            servers.gateway.until_ready()
        _until_more_answers(clients, 50)
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert sum(client.n_failed for client in clients) > 0
    entries = servers.journaled()
    numbers = [entry.seq for entry in read(servers.project.var / "journal" / "predictions")]
    assert numbers == [*range(1, len(numbers) + 1)]
    asked = {e.content["prediction_id"]: e.content["request"]["oven"] for e in entries[before:]}
    assert len(asked) == len(entries) - before
    answered = {name: number for client in clients for name, number in client.answered.items()}
    assert len(answered) >= 350
    assert answered.items() <= asked.items()
    assert max(Counter(asked.values()).values()) == 1


def _until_more_answers(clients: list[Client], n: int, seconds: float = 60) -> None:
    def answered() -> int:
        return sum(len(client.answered) for client in clients)

    wanted, deadline = answered() + n, time.monotonic() + seconds
    while answered() < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.01)
