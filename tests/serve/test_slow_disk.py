"""Row 43: the journal's disk is slow, then stuck, under a real gateway that is asked all along."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from . import test_servers
from .conftest import MODEL, write_text
from .faulty_disk import FaultyDisk
from .steady_load import Told, asking, counters, dropped, until_every_refusal_is_told
from .test_journal_faults import in_the_lake
from .test_servers import Servers

pytestmark = [pytest.mark.faults, pytest.mark.serving, pytest.mark.timeout(240)]

SYNC_MS, STALL_MS = 20, 1000
STUCK_SECONDS = 12.0
SLACK_SECONDS = 0.5
"""From the moment that an entry names to its append, on a busy machine."""
MOST_GROWN_BYTES = 30_000_000

servers = test_servers.servers


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyDisk]:
    """The disk of every process that the tests of this file start."""
    made = FaultyDisk(tmp_path_factory.mktemp("disk"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(made.folder))
        yield made


@pytest.fixture(scope="module")
def bakery(bakery: Path, disk: FaultyDisk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bakery with a bound on what a stuck disk may cost that a test can wait for."""
    root = tmp_path_factory.mktemp("declared") / "bakery"
    shutil.copytree(bakery, root)
    declared = f"access: local\nsync_ms: {SYNC_MS}\nstall_ms: {STALL_MS}\n"
    write_text(root / "bentofiles" / "gateway.yaml", declared)
    return root


class Memory:
    """The most that the gateway's process has taken while it was looked at."""

    def __init__(self, servers: Servers) -> None:
        self.before = self.most = servers.gateway.resident_bytes()

    @property
    def grown(self) -> int:
        return self.most - self.before


@contextmanager
def watched(servers: Servers) -> Iterator[Memory]:
    memory, stop = Memory(servers), threading.Event()

    def look() -> None:
        while not stop.wait(0.1):
            memory.most = max(memory.most, servers.gateway.resident_bytes())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield memory
    finally:
        stop.set()
        thread.join()


def most_at_stake_seconds(servers: Servers, disk: FaultyDisk, told: Told) -> float:
    """The longest stretch of answers that callers had at one moment and the disk had not."""
    (segment,) = (servers.project.var / "journal" / "predictions").glob("*.jsonl")
    answered: list[tuple[int, float]] = []
    """Where each acknowledged answer ends in the file, and when it was written there."""
    end = 0
    for line in segment.read_bytes().splitlines(keepends=True):
        end += len(line)
        content = orjson.loads(line)
        if content.get("prediction_id") in told.answered and content["kind"] == "answer":
            answered.append((end, datetime.fromisoformat(content["at"]).timestamp()))
    assert len(answered) == len(told.answered)
    most, n_there = 0.0, 0
    for sync in disk.synced(segment):
        missing = [at for _, at in answered[n_there:] if at < sync.at]
        most = max(most, max(missing) - min(missing)) if missing else most
        n_there = sum(end <= sync.size for end, _ in answered)
    assert n_there == len(answered), "in the end the disk has all that callers have"
    return most


def test_a_disk_that_is_slow_and_then_stuck_costs_neither_memory_nor_an_answer(
    servers: Servers, disk: FaultyDisk
) -> None:
    with asking(servers.gateway) as told:
        told.until_answered(300)
        with watched(servers) as memory:
            with disk.slow(STALL_MS / 1000 / 4):
                told.until_answered(500)
            assert told.refused == [], "a slow disk is not yet a reason to refuse"
            with disk.stuck():
                begun = time.monotonic()
                told.until_refused(1)
                n_answered = len(told.answered)
                while time.monotonic() - begun < STUCK_SECONDS:
                    told.until_refused(10)
                assert len(told.answered) - n_answered <= 4, "those that were under way"
                assert dropped(servers.gateway)["refusal"] > 0, "told while it lasts"
            told.until_answered(300)
    assert told.wrong == []
    assert {each["code"] for each in told.refused} == {"journal"}
    assert all("has not synced for more than 1 s" in each["message"] for each in told.refused)
    n_dropped = until_every_refusal_is_told(servers, len(told.refused))
    lost = dropped(servers.gateway)
    assert n_dropped > 0.9 * len(told.refused)
    assert (lost["copy"], lost["failure"]) == (0, 0)
    labels = f'model="{MODEL}",variant="champion",version="{servers.version}"'
    assert counters(servers.gateway)[f"perennial_answers_total{{{labels}}}"] == len(told.answered)
    logged = Counter(entry.content["prediction_id"] for entry in servers.journaled())
    assert logged == Counter(dict.fromkeys(told.answered, 1))
    kept = [row["prediction_id"] for row in in_the_lake(servers)]
    assert sorted(kept) == sorted(told.answered), "each in the lake exactly once"
    at_stake = most_at_stake_seconds(servers, disk, told)
    assert 0 < at_stake <= (SYNC_MS + STALL_MS) / 1000 + SLACK_SECONDS
    assert memory.grown < MOST_GROWN_BYTES
    log = servers.gateway.log.read_text()
    assert "the disk has not taken entries" in log
    assert "the disk has taken everything again" in log
