"""A project with a packaged version and slots on free ports, and a slot that says anything."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep.ledger import Ledger, Slot, bento_folder

MODEL = "ripeness"
SCORES = [0.1, 0.25, 0.9]
REFERENCE = {"columns": {"weight": [1.0, 2.0, None]}, "scores": SCORES}


SOURCES = """
version: 2
sources:
  - name: raw
    tables:
      - name: trees
        description: One row per tree.
        columns: [{name: tree, data_type: varchar}]
        config: {meta: {land: {from: {path: x}, key: [tree], static_from: 2024-01-01}}}
"""


def free_ports(n: int) -> int:
    """The first of `n` ports in a row on loopback that nothing listens on."""
    while True:
        with contextlib.ExitStack() as stack:
            probes = [stack.enter_context(socket.socket()) for _ in range(n)]
            probes[0].bind(("127.0.0.1", 0))
            first = int(probes[0].getsockname()[1])
            with contextlib.suppress(OSError, OverflowError):
                for place, probe in enumerate(probes[1:], 1):
                    probe.bind(("127.0.0.1", first + place))
                return first


@pytest.fixture
def project(make_project: Callable[..., Project], tmp_path: Path) -> Project:
    """The project `ripeness`, with ports of its own."""
    make_project(n_days=0)
    data = tmp_path / "data"
    data.mkdir(exist_ok=True)
    (data / "__sources.yml").write_text(SOURCES, encoding="utf-8")
    settings = Settings(
        project=None,
        mlflow_uri=None,
        ledger_url=None,
        gateway_port=free_ports(1),
        supervisor_port=free_ports(3),
        slot_port=free_ports(2),
    )
    return Project(tmp_path, settings)


@pytest.fixture(autouse=True)
def _unsigned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions of these tests have names, no model, and servers that are no processes."""
    monkeypatch.setattr("perennial.deploy.deploying.must_be_as_signed", lambda *_: None)


def package(project: Project, version: str, reference: Any = REFERENCE) -> None:
    """Make `version` the one that was packaged last."""
    folder = bento_folder(project, MODEL, version) / "src"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reference.json").write_text(json.dumps(reference), encoding="utf-8")
    pointer = project.var / "models" / MODEL / "packaged.json"
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.write_text(json.dumps({"version": version}), encoding="utf-8")


def slot(project: Project, name: str) -> Slot:
    """What the ledger says of a slot."""
    return next(each for each in Ledger.of(project).slots(MODEL) if each.slot == name)


class Said:
    """What a slot's server says; tests change it."""

    def __init__(self) -> None:
        self.version = "v1"
        self.prediction: Any = {"scores": SCORES}
        self.status = 200
        self.is_ready = True


@contextlib.contextmanager
def answering(port: int, said: Said) -> Iterator[None]:
    """A server on `port` that says it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/version":
                self._answer(200, {"version": said.version})
            else:
                self._answer(200 if said.is_ready else 503, {})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(said.status, said.prediction)

        def _answer(self, status: int, body: Any) -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its signature
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
