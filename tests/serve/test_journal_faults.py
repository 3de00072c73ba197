"""Acknowledged answers survive kills, full disks and a stopped fold; what is dropped is told."""

from __future__ import annotations

import errno
import http.client
import itertools
import json
import os
import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

import orjson
import pytest

from perennial.keep.journal import read
from perennial.score import fold, predictions_table
from perennial.score.answers import LIVE, days_with, read_day
from perennial.serve import journaling

from . import test_servers
from .conftest import MODEL, QUESTION, Bakery, Trial
from .test_gateway import counted
from .test_servers import JSON, Servers

pytestmark = pytest.mark.faults

N_QUESTIONS, KILLED_EVERY = 2000, 200
READY_WITHIN_SECONDS = 10
"""After a kill, on cores that nobody else wants; each that waits for one makes it longer."""

served = test_servers.servers


def in_the_lake(bakery: Any) -> list[dict[str, Any]]:
    """The rows of all days after folding."""
    fold(bakery.project, MODEL, date(2024, 5, 3), date(2024, 5, 4))
    table = predictions_table(bakery.project, MODEL)
    return [row for day in days_with(table, LIVE) for row in read_day(table, day, LIVE).to_pylist()]


def dropped(what: str) -> float:
    return counted("perennial_dropped_total", what=what)


class Numbered:
    """Asks numbered questions on one connection, and keeps what was acknowledged."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.acknowledged: dict[str, int] = {}
        self.restart_seconds: list[float] = []
        self.n_asked = self.n_refused = self.n_cut = 0
        self._killed_at: float | None = None

    def ask(self, n: int, kill: Callable[[], None]) -> None:
        """Ask `n` questions and kill a server between a question and its answer in the middle."""
        connection: http.client.HTTPConnection | None = None
        for turn in range(n):
            number, self.n_asked = self.n_asked, self.n_asked + 1
            body = json.dumps({**QUESTION, "oven": number}).encode()
            try:
                if connection is None:
                    port = self.servers.gateway.port
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request("POST", "/predict", body, JSON)
                if turn == n // 2:
                    self._killed_at = time.monotonic()
                    kill()
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException):
                self.n_cut += 1
                connection = None
                self._until_ready(self.servers.gateway)
                continue
            if response.status == 200:
                self.acknowledged[json.loads(content)["prediction_id"]] = number
            else:
                assert response.status == 503, content
                assert response.headers["Retry-After"]
                self.n_refused += 1
                self._until_ready(self.servers.slot)
        if connection is not None:
            connection.close()

    def _until_ready(self, server: test_servers.Server) -> None:
        server.until_ready()
        if self._killed_at is not None:
            self.restart_seconds.append(time.monotonic() - self._killed_at)
            self._killed_at = None


@pytest.mark.serving
@pytest.mark.timeout(600)
def test_kills_lose_no_acknowledged_answer_and_each_is_in_the_lake_once(served: Servers) -> None:
    """2,000 numbered questions, the gateway or the slot killed within every 200; row 1."""
    client = Numbered(served)
    victims = itertools.cycle([served.gateway, served.slot])
    n_folded = 0

    def kill() -> None:
        nonlocal n_folded
        victim = next(victims)
        victim.kill()
        victim.start()
        n_folded = len(in_the_lake(served))  # what a kill left, while the server starts again

    for _ in range(N_QUESTIONS // KILLED_EVERY):
        client.ask(KILLED_EVERY, kill)
    assert client.n_asked == N_QUESTIONS
    assert client.n_cut + client.n_refused >= N_QUESTIONS // KILLED_EVERY // 2
    assert len(client.acknowledged) >= N_QUESTIONS * 0.95
    logged = Counter(entry.content["prediction_id"] for entry in served.journaled())
    assert client.acknowledged.keys() <= logged.keys()
    n_want_a_core = os.getloadavg()[0] / (os.cpu_count() or 1)
    assert median(client.restart_seconds) < READY_WITHIN_SECONDS * max(1, n_want_a_core)
    rows = in_the_lake(served)
    assert 0 < n_folded < len(rows)
    assert len(in_the_lake(served)) == len(rows)
    kept = {row["prediction_id"]: json.loads(row["request"])["oven"] for row in rows}
    assert len(kept) == len(rows) == logged.total(), "each exactly once"
    assert client.acknowledged.items() <= kept.items()
    assert max(Counter(kept.values()).values()) == 1


class FlakyDisk:
    """A disk that is slow and refuses a seeded share of the writes into one journal."""

    def __init__(self, gateway: Bakery, patch: pytest.MonkeyPatch, share: float) -> None:
        self.share, self.random = share, random.Random(7)
        self.n_refused = 0
        real = os.write

        def write(descriptor: int, content: Any) -> int:
            if descriptor != gateway.gateway.predictions._file:
                return real(descriptor, content)
            if self.random.random() < self.share:
                self.n_refused += 1
                raise OSError(errno.ENOSPC, "no space left on device")
            return real(descriptor, content)

        patch.setattr(os, "write", write)


@pytest.fixture
def copying(make_trial: Callable[..., Trial]) -> Trial:
    """A release of which all questions are copied."""
    return make_trial(shadow=1.0)


def finish(trial: Trial) -> None:
    shadows = trial.bakery.gateway.desks[MODEL]._records._shadows
    trial.bakery.until(lambda: not shadows._under_way)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_what_a_refusing_disk_drops_is_counted_exactly_and_no_answer_is(
    copying: Trial, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """Row 43: nothing folds, and the journal's disk refuses a part of the writes."""
    gateway = copying.bakery
    before = {what: dropped(what) for what in ("copy", "failure", "refusal")}
    acknowledged, n_refused, n_failed = set(), 0, 0
    well = gateway.slot.says
    with monkeypatch.context() as patch:
        FlakyDisk(gateway, patch, share)
        for n in range(150):
            if n % 10 == 9:
                gateway.slot.says = lambda verb, columns: (500, b"")
            reply = gateway.predict({**QUESTION, "oven": n})
            if n % 10 == 9:
                n_failed += 1
                gateway.slot.says = well
            if reply.status == 200:
                acknowledged.add(reply.json["prediction_id"])
            else:
                assert reply.status == 503
                n_refused += 1
                if reply.error["code"] == "journal":
                    assert "no space left" in reply.error["message"]
                    assert int(reply.headers["retry-after"]) >= 1
            finish(copying)
    for each in gateway.gateway._refusals:
        each.close()
    answers = {entry.content["prediction_id"] for entry in gateway.journaled()}
    assert acknowledged == answers
    lost = {what: dropped(what) - n for what, n in before.items()}
    assert lost["copy"] == len(acknowledged) - len(gateway.journaled("shadow"))
    n_journaled = sum(entry.content["n"] for entry in gateway.journaled("failure"))
    assert lost["failure"] == n_failed - n_journaled
    n_told = sum(entry.content["n"] for entry in gateway.journaled("refusal"))
    assert lost["refusal"] == n_refused - n_told
    assert (len(acknowledged) > 50) == (share < 1)
    assert gateway.predict(QUESTION).status == 200, "it recovers by itself"
    finish(copying)
    assert len(in_the_lake(gateway)) == len(acknowledged) + 1


def test_copies_that_find_no_place_are_counted_exactly(copying: Trial) -> None:
    before = dropped("copy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("perennial.serve.shadows.MOST_OUTSTANDING", 0)
        for _ in range(7):
            assert copying.bakery.predict([QUESTION] * 3).status == 200
    assert dropped("copy") - before == 21


@pytest.mark.slow
def test_memory_stays_bounded_while_nothing_folds_and_the_disk_refuses(
    copying: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = copying.bakery

    def load(n: int) -> None:
        for _ in range(n):
            gateway.predict([QUESTION] * 5)
            gateway.post("/predict", b"{}")
        finish(copying)
        copying.challenger.asked.clear()
        gateway.slot.asked.clear()

    with monkeypatch.context() as patch:
        FlakyDisk(gateway, patch, 0.5)
        load(50)
        tracemalloc.start()
        try:
            load(50)
            before = tracemalloc.get_traced_memory()[0]
            load(400)
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert grown < 1_000_000, f"{grown} bytes"


def test_refusals_are_journaled_without_what_was_asked(gateway: Bakery) -> None:
    gateway.post("/predict", b'{"poison": "\\u0000"}')
    gateway.post(f"/predict/{'x' * 300}", QUESTION)
    gateway.post("/predict", b"x" * 10, kind="application/octet-stream")
    gateway.get("/nowhere")
    told = [entry.content for entry in gateway.journaled("refusal")]
    assert [(each["status"], each["code"]) for each in told] == [
        (422, "invalid"),
        (404, "unknown_model"),
        (415, "unsupported"),
        (404, "unknown_path"),
    ]
    assert [each["size"] for each in told] == [20, len(orjson.dumps(QUESTION)), 10, 0]
    assert told[0]["path"] == "/predict"
    assert max(len(each["path"]) for each in told) <= 100
    assert {each["n"] for each in told} == {1}
    written = b"".join(
        path.read_bytes() for path in gateway.project.var.glob("journal/predictions/*.jsonl")
    )
    assert b"poison" not in written


def test_a_flood_of_refusals_is_counted_exactly_and_told_in_few_entries(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journaling, "SECOND", 3600.0)
    for n in range(300):
        gateway.post("/predict", b"{}" if n % 3 else b"{")
    assert len(gateway.journaled("refusal")) == journaling.DETAILED
    for each in gateway.gateway._refusals:
        each.close()
    told = [entry.content for entry in gateway.journaled("refusal")]
    assert len(told) == journaling.DETAILED + 2
    codes: Counter[str] = Counter()
    for content in told:
        codes[content["code"]] += content["n"]
    assert codes == {"invalid": 200, "malformed": 100}


def test_a_second_of_refusals_ends_by_itself(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journaling, "SECOND", 0.05)
    monkeypatch.setattr(journaling, "DETAILED", 0)
    for _ in range(5):
        gateway.post("/predict", b"{}")
    gateway.until(lambda: not gateway.gateway._refusals[0]._more)
    assert sum(entry.content["n"] for entry in gateway.journaled("refusal")) == 5


def test_answers_are_on_the_disk_within_the_declared_time(gateway: Bakery) -> None:
    assert gateway.predict(QUESTION).status == 200
    sync = gateway.gateway.predictions.sync
    gateway.until(lambda: sync.synced_seq == 1)


def test_a_disk_that_does_not_sync_sheds_and_recovers_by_itself(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    sync = gateway.gateway.predictions.sync
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        patch.setattr(os, "fdatasync", broken)
        assert gateway.predict(QUESTION).status == 200, "within the bound of a power failure"
        gateway.until(lambda: sync.failed is not None)
        for _ in range(5):
            reply = gateway.predict(QUESTION)
            assert (reply.status, reply.error["code"]) == (503, "journal")
            assert int(reply.headers["retry-after"]) >= 1
    deadline = time.monotonic() + 20  # a broken disk is asked once a second
    while gateway.predict(QUESTION).status != 200:
        assert time.monotonic() < deadline
    assert sync.n_failed == 1
    ids = [entry.content["prediction_id"] for entry in gateway.journaled()]
    assert len(ids) == len(set(ids)) == 2
    assert [e.seq for e in read(gateway.project.var / "journal" / "predictions")][:2] == [1, 2]


def test_time_that_goes_back_doubles_and_loses_nothing(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledged = []

    class Clock(datetime):
        days = 0

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(days=cls.days)

    monkeypatch.setattr("perennial.serve.entries.datetime", Clock)
    for Clock.days in (0, 1, -400, 30_000, -1):
        acknowledged.append(gateway.predict(QUESTION).json["prediction_id"])
        assert len(in_the_lake(gateway)) == len(acknowledged)
    assert {row["prediction_id"] for row in in_the_lake(gateway)} == set(acknowledged)
