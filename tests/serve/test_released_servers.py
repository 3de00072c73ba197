"""A release among real servers: the challenger is killed and stopped, callers are answered."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from perennial.keep.ledger import Ledger
from perennial.keep.ledger_tables import slots
from perennial.keep.release_changes import Change, plan, start, transition

from .conftest import MODEL, QUESTION, write_version
from .test_servers import BENTOFILES, Client, Server, Servers, free_port, servers

pytestmark = [pytest.mark.serving, pytest.mark.faults]

__all__ = ["servers"]


@pytest.fixture(scope="module")
def challenger(servers: Servers) -> Iterator[Server]:
    """Another fitted model on the green slot, with half of the traffic and copies of the rest."""
    folder = servers.project.root / "challenger"
    shutil.copytree(BENTOFILES / "predictor", folder, ignore=shutil.ignore_patterns("__pycache__"))
    version = write_version(folder, seed=4)
    assert version != servers.version
    server = Server(folder, free_port(), servers.slot.home)
    server.start()
    ledger = Ledger.of(servers.project)
    with ledger.engine.begin() as connection:
        connection.execute(update(slots).where(slots.c.slot == "green").values(port=server.port))
    ledger.set_slot(MODEL, "green", version, "proven")
    route = ledger.live(MODEL)
    assert route is not None
    told = {"night": "2024-05-03", "why": "for the test", "stable": route.champion}
    begun = start(ledger, plan(MODEL, version, "green", **told), "test")
    change = Change("canary", "step", "for the test", weight=0.5, shadow=1.0)
    transition(ledger, begun, change, "test")
    try:
        server.until_ready()
        yield server
    finally:
        server.kill()


def variants(servers: Servers, after: int) -> set[str]:
    return {e.content["variant"] for e in servers.journaled() if e.seq > after}


def until_both_answer(servers: Servers, seconds: float = 30) -> None:
    after = servers.journaled()[-1].seq if servers.journaled() else 0
    deadline = time.monotonic() + seconds
    number = 0
    while variants(servers, after) != {"champion", "challenger"}:
        assert time.monotonic() < deadline
        servers.gateway.post("/predict", {**QUESTION, "oven": number})
        number += 1


@pytest.mark.parametrize("fault", ["kill", "stop"])
def test_a_challenger_that_dies_or_hangs_costs_nobody_an_answer(
    servers: Servers, challenger: Server, fault: str
) -> None:
    until_both_answer(servers)
    before = servers.journaled()[-1].seq
    stop = threading.Event()
    clients = [Client(servers.gateway.port, iter(range(n, 10**9, 4)), stop) for n in range(4)]
    for client in clients:
        client.start()
    try:
        until_fallbacks(servers, before, 0)
        if fault == "kill":
            challenger.kill()
        else:
            challenger.process.send_signal(signal.SIGSTOP)
        until_fallbacks(servers, before, 50)
        if fault == "kill":
            challenger.start()
            challenger.until_ready()
        else:
            challenger.process.send_signal(signal.SIGCONT)
        until_both_answer(servers)
    finally:
        stop.set()
        for client in clients:
            client.join()
        challenger.process.send_signal(signal.SIGCONT)
    assert sum(client.n_failed for client in clients) == 0
    assert servers.journaled("failure") == []
    answered = {name for client in clients for name in client.answered}
    journaled = {e.content["prediction_id"] for e in servers.journaled() if e.seq > before}
    assert answered <= journaled
    copies = {e.content["prediction_id"] for e in servers.journaled("shadow")}
    assert copies <= {e.content["prediction_id"] for e in servers.journaled()}


def until_fallbacks(servers: Servers, after: int, n: int, seconds: float = 60) -> None:
    """Until the champion has answered for the challenger n times, and 50 answers were given."""
    deadline = time.monotonic() + seconds
    while True:
        later = [e.content for e in servers.journaled() if e.seq > after]
        if len(later) >= 50 and sum(e["fallback"] is not None for e in later) >= n:
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)
