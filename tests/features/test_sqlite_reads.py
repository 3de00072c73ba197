"""What is kept of the online store is never older than the store, and is not read twice."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perennial.declare.project import Project
from perennial.features.entity_reads import FeastReader, wanted_of
from perennial.features.online import OnlineFeatures
from perennial.features.refill import refill
from perennial.features.repository import open_store

from .market import NOON, model
from .slow_look_up import SlowFeatures
from .test_online import known
from .test_online_store import STALLS, at, push, write_batches

LATE = NOON + timedelta(minutes=90)


def moods(online: OnlineFeatures, *stalls: str) -> list[Any]:
    asked = known(n=len(stalls)) | {"stall": list(stalls)}
    return online.look_up(asked, [LATE] * len(stalls)).columns["crowd__mood"]


def reads(online: OnlineFeatures, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whatever is read from a table from now on: per read the keys."""
    reader: Any = online._reader
    seen: list[Any] = []
    read = reader._read

    def noted(*arguments: Any) -> Any:
        seen.append(arguments[-1])
        return read(*arguments)

    monkeypatch.setattr(reader, "_read", noted)
    return seen


def test_what_nobody_changed_is_read_once(market: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    online = OnlineFeatures(market, model())
    seen = reads(online, monkeypatch)
    assert [moods(online, "north") for _ in range(3)] == [["merry"]] * 3
    assert len(seen) == 2  # two views
    assert moods(online, "south", "north") == [None, "merry"]
    assert [each for keys in seen[2:] for each in keys] == [("south", 1), "south"]


def test_a_push_is_seen_by_the_next_question(market: Project) -> None:
    online, store = OnlineFeatures(market, model()), open_store(market)
    assert moods(online, "north", "east") == ["merry", None]
    for number in range(1, 20):
        push(store, ("north", number, at(number)), ("east", number, at(number)))
        assert moods(online, "north", "east") == [f"mood {number}"] * 2


def test_a_push_through_the_reader_s_own_store_is_seen_too(market: Project) -> None:
    online = OnlineFeatures(market, model())
    assert moods(online, "north") == ["merry"]
    push(online._store, ("north", 5, at(5)))
    assert moods(online, "north") == ["mood 5"]


def test_a_materialization_and_a_clearing_are_seen_by_the_next_question(market: Project) -> None:
    online, store = OnlineFeatures(market, model()), open_store(market)
    assert moods(online, "north") == ["merry"]
    store._get_provider().online_store.clear(store.config, [store.get_feature_view("crowd")])
    assert moods(online, "north") == [None]
    refill(market, NOON)
    assert moods(online, "north") == ["merry"]


@pytest.fixture
def quick_and_slow(any_market: Project) -> tuple[OnlineFeatures, SlowFeatures]:
    return OnlineFeatures(any_market, model()), SlowFeatures(any_market, model())


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    questions=st.lists(
        st.tuples(
            st.sampled_from(["north", "south", "east", "nowhere", None]),
            st.sampled_from([1, 2, 99, None]),
            st.integers(-200, 200),
        ),
        min_size=1,
        max_size=8,
    ),
    pushed=st.lists(st.tuples(st.sampled_from(["north", "east"]), st.integers(-90, 90))),
)
def test_the_quick_answer_is_feast_s_own(
    quick_and_slow: tuple[OnlineFeatures, SlowFeatures],
    questions: list[Any],
    pushed: list[tuple[str, int]],
) -> None:
    online, slow = quick_and_slow
    store = slow.store
    if pushed:
        push(store, *((stall, minutes, at(minutes)) for stall, minutes in pushed))
    asked = known(n=len(questions)) | {
        "stall": [stall for stall, _, _ in questions],
        "fruit_number": [fruit for _, fruit, _ in questions],
    }
    moments = [at(minutes) for _, _, minutes in questions]
    expected = slow.look_up(asked, moments)
    plain = FeastReader(
        store._get_provider().online_store, store.config, wanted_of(store, online.inputs)
    )
    own: Any = online._reader
    own._since = [float("-inf")] * 2  # Redis's would keep what it has for a moment
    for reader in (own, own, plain):  # read, kept, and another store's way
        online._reader = reader
        assert online.look_up(asked, moments) == expected
    online._reader = own


def test_of_too_many_entities_those_asked_for_last_are_kept(market: Project) -> None:
    store = open_store(market)
    push(store, *((stall, 1, at(1)) for stall in STALLS))
    online = OnlineFeatures(market, model())
    reader: Any = online._reader
    for cache in reader._caches:
        cache._most = 3
    assert moods(online, *STALLS) == ["mood 1"] * len(STALLS)
    assert [len(cache) for cache in reader._caches] == [3, 3]
    moods(online, STALLS[-3])
    moods(online, "north")
    assert STALLS[-3] in reader._caches[1]._entities
    assert STALLS[-2] not in reader._caches[1]._entities


def test_more_keys_than_one_statement_takes_are_found(market: Project) -> None:
    stalls = [f"stall {number}" for number in range(700)]
    push(open_store(market), *((stall, n, at(1)) for n, stall in enumerate(stalls)))
    found = moods(OnlineFeatures(market, model()), *stalls, "nowhere")
    assert found == [*(f"mood {n}" for n in range(700)), None]


def test_a_batch_is_seen_whole_or_not_at_all_while_another_process_writes(market: Project) -> None:
    write_batches(market, 1)
    online = OnlineFeatures(market, model())
    writer = multiprocessing.get_context("fork").Process(target=write_batches, args=(market, 40))
    writer.start()
    last, seen = 0, set()
    some = [STALLS[:20], STALLS[10:30], STALLS[40:]]
    while writer.is_alive():
        for stalls in some:  # what is kept and what is read anew must fit together
            found = set(moods(online, *stalls))
            assert len(found) == 1, "half of a batch"
            number = int(found.pop().split()[1])
            assert number >= last
            last = number
            seen.add(number)
    writer.join()
    assert writer.exitcode == 0
    assert len(seen) > 3
    assert set(moods(online, *STALLS)) == {"mood 40"}


def test_threads_may_ask_at_once(market: Project) -> None:
    push(open_store(market), *((stall, n, at(1)) for n, stall in enumerate(STALLS)))
    online = OnlineFeatures(market, model())
    wrong: list[Any] = []

    def ask(first: int) -> None:
        for number in range(first, first + 100):
            stall = number % len(STALLS)
            if moods(online, STALLS[stall]) != [f"mood {stall}"]:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def in_a_fork(ask: Callable[[], Any]) -> int | None:
    child = multiprocessing.get_context("fork").Process(target=ask)
    child.start()
    child.join(60)
    return child.exitcode


def test_a_forked_process_sees_what_is_pushed_after_the_fork(market: Project) -> None:
    online = OnlineFeatures(market, model())
    assert moods(online, "north") == ["merry"]

    def ask() -> None:
        push(open_store(market), ("north", 5, at(5)))
        assert moods(online, "north") == ["mood 5"]

    assert in_a_fork(ask) == 0
    assert moods(online, "north") == ["mood 5"]


@pytest.mark.faults
def test_a_store_that_is_replaced_on_disk_answers_at_once(market: Project) -> None:
    file = market.var / "feast" / "online.db"
    online, store = OnlineFeatures(market, model()), open_store(market)
    copy = file.with_name("copy.db")
    with sqlite3.connect(file) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    push(store, ("north", 5, at(5)))
    assert moods(online, "north") == ["mood 5"]
    for each in (file.with_name("online.db-wal"), file.with_name("online.db-shm")):
        each.unlink(missing_ok=True)
    os.replace(copy, file)
    assert moods(online, "north") == ["merry"]


@pytest.mark.faults
def test_a_store_that_is_gone_is_an_error_and_answers_when_it_is_back(market: Project) -> None:
    file = market.var / "feast" / "online.db"
    online = OnlineFeatures(market, model())
    assert moods(online, "north") == ["merry"]
    shutil.move(file, file.with_name("away.db"))
    with pytest.raises(FileNotFoundError):
        moods(online, "north")
    shutil.move(file.with_name("away.db"), file)
    assert moods(online, "north") == ["merry"]


KILLED = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=1")
connection.execute("PRAGMA cache_spill=1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE market_crowd SET value = zeroblob(20000)")
print("written", flush=True)
sys.stdin.read()
"""


@pytest.mark.faults
def test_a_writer_killed_before_its_commit_leaves_no_trace(market: Project) -> None:
    file = market.var / "feast" / "online.db"
    store = open_store(market)
    push(store, ("north", 5, at(5)))
    online = OnlineFeatures(market, model())
    assert moods(online, "north", "south") == ["mood 5", None]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        assert file.with_name("online.db-wal").stat().st_size > 0
        assert moods(online, "north", "east") == ["mood 5", None]
        writer.send_signal(signal.SIGKILL)
    assert moods(online, "north") == ["mood 5"]
    push(store, ("north", 6, at(6)))
    assert moods(online, "north") == ["mood 6"]
