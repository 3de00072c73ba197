"""Clients that go on asking a real gateway while its disk fails, and what they were told."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .conftest import QUESTION
from .test_servers import JSON, Server, Servers

PAUSE_SECONDS = 0.004
"""Between two questions of a client: what is tested is the disk, not the processor."""


@dataclass
class Told:
    """What the clients were told: who was answered and when, and every refusal's body."""

    answered: dict[str, float] = field(default_factory=dict)
    """Prediction ids, and the monotonic second at which their answers came."""
    numbers: dict[str, int] = field(default_factory=dict)
    refused: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def until_answered(self, n: int, seconds: float = 30) -> None:
        """Until `n` more answers came."""
        _until(lambda: len(self.answered), n, seconds)

    def until_refused(self, n: int, seconds: float = 30) -> None:
        """Until `n` more questions were refused."""
        _until(lambda: len(self.refused), n, seconds)


def _until(count: Any, more: int, seconds: float) -> None:
    wanted, deadline = count() + more, time.monotonic() + seconds
    while count() < wanted:
        assert time.monotonic() < deadline, f"{count()} of {wanted}"
        time.sleep(0.01)


@contextmanager
def asking(server: Server, n_clients: int = 4) -> Iterator[Told]:
    """Ask numbered questions on so many connections for as long as this context lasts."""
    told, stop = Told(), threading.Event()
    clients = [
        threading.Thread(target=_ask, args=(server.port, first, n_clients, told, stop))
        for first in range(n_clients)
    ]
    for client in clients:
        client.start()
    try:
        yield told
    finally:
        stop.set()
        for client in clients:
            client.join()


def _ask(port: int, first: int, step: int, told: Told, stop: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    number = first
    while not stop.wait(PAUSE_SECONDS):
        try:
            body = json.dumps({**QUESTION, "oven": number})
            connection.request("POST", "/predict", body, JSON)
            response = connection.getresponse()
            content = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            told.wrong.append(repr(error))
            connection.close()
        else:
            if response.status == 200:
                told.numbers[content["prediction_id"]] = number
                told.answered[content["prediction_id"]] = time.monotonic()
            elif response.status == 503 and int(response.headers["Retry-After"]) >= 1:
                told.refused.append(content["error"])
            else:
                told.wrong.append(f"{response.status} {content}")
        number += step
    connection.close()


def counters(server: Server) -> dict[str, float]:
    """What the server tells at /metrics."""
    status, _, body = server.ask("GET", "/metrics")
    assert status == 200
    lines = [line for line in body.decode().splitlines() if line and line[0] != "#"]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def dropped(server: Server) -> dict[str, float]:
    """`perennial_dropped_total` by what was dropped."""
    found = counters(server)
    whats = ("copy", "failure", "refusal")
    return {what: found[f'perennial_dropped_total{{what="{what}"}}'] for what in whats}


def until_every_refusal_is_told(servers: Servers, n: int, seconds: float = 10) -> int:
    """Until journal and `dropped_total` together tell `n` refusals; how many were dropped.

    A second's refusals are summed at its end, so the exact number is there a moment later.
    """
    deadline = time.monotonic() + seconds
    while True:
        n_told = sum(entry.content["n"] for entry in servers.journaled("refusal"))
        n_dropped = int(dropped(servers.gateway)["refusal"])
        if n_told + n_dropped == n:
            return n_dropped
        assert n_told + n_dropped < n, f"{n_told} told, {n_dropped} dropped of {n}"
        assert time.monotonic() < deadline, f"{n_told} told, {n_dropped} dropped of {n}"
        time.sleep(0.05)
