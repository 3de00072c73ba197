"""The online store's promises: the newest value stays, readers are never held up, all or none."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perennial.declare.project import Project
from perennial.features.repository import open_store

from .market import NOON

MICROSECOND = timedelta(microseconds=1)
STALLS = [f"stall {number}" for number in range(50)]


def rows(values: list[tuple[str, int, datetime]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "stall": [stall for stall, _, _ in values],
            "n_people": [n for _, n, _ in values],
            "mood": [f"mood {n}" for _, n, _ in values],
            "event_timestamp": [moment for _, _, moment in values],
            "created_timestamp": [moment for _, _, moment in values],
        }
    )


def push(store: Any, *values: tuple[str, int, datetime]) -> None:
    store.push("crowd_push", rows(list(values)))


def read(store: Any, stalls: list[str]) -> list[tuple[Any, Any]]:
    entities = [{"stall": stall} for stall in stalls]
    answer = store.get_online_features(["crowd:n_people", "crowd:mood"], entities).to_dict()
    return list(zip(answer["n_people"], answer["mood"], strict=True))


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_an_older_value_never_replaces_a_newer_one_and_one_of_the_same_time_does(
    any_market: Project,
) -> None:
    store = open_store(any_market)
    push(store, ("east", 1, at(10)))
    push(store, ("east", 2, at(10) - MICROSECOND))
    assert read(store, ["east"]) == [(1, "mood 1")]
    push(store, ("east", 3, at(10)))
    assert read(store, ["east"]) == [(3, "mood 3")]
    push(store, ("east", 4, at(10) + MICROSECOND))
    assert read(store, ["east"]) == [(4, "mood 4")]


@pytest.mark.faults
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(12)), sizes=st.lists(st.integers(1, 5), max_size=8))
def test_in_whatever_order_and_batches_values_come_the_newest_stays(
    any_market: Project, order: list[int], sizes: list[int]
) -> None:
    store = open_store(any_market)
    store._get_provider().online_store.clear(store.config, [store.get_feature_view("crowd")])
    values = [(f"stall {each % 3}", each, at(each)) for each in order]
    for size in [*sizes, len(values)]:
        if values:
            push(store, *values[:size])
        values = values[size:]
    assert [n for n, _ in read(store, STALLS[:3])] == [9, 10, 11]


def write_batches(project: Project, n_batches: int) -> None:
    """Each batch gives all stalls the same number, one higher than before."""
    store = open_store(project)
    for number in range(1, n_batches + 1):
        push(store, *((stall, number, at(number)) for stall in STALLS))


def test_readers_read_whole_batches_while_another_process_writes(any_market: Project) -> None:
    store = open_store(any_market)
    write_batches(any_market, 1)
    writer = multiprocessing.get_context("fork").Process(
        target=write_batches, args=(any_market, 60)
    )
    writer.start()
    last, n_reads, slowest = 0, 0, 0.0
    while writer.is_alive():
        started = time.monotonic()
        found = {n for n, _ in read(store, STALLS)}
        slowest = max(slowest, time.monotonic() - started)
        assert len(found) == 1, "half of a batch"
        (number,) = found
        assert number >= last
        last, n_reads = number, n_reads + 1
    writer.join()
    assert writer.exitcode == 0
    assert n_reads >= 10
    assert slowest < 2
    assert {n for n, _ in read(store, STALLS)} == {60}


def test_a_reader_that_holds_on_does_not_stop_the_writer(market: Project) -> None:
    store = open_store(market)
    push(store, ("east", 1, at(1)))
    with sqlite3.connect(market.var / "feast" / "online.db") as holding:
        table = "market_crowd"
        holding.execute("BEGIN")
        count = f'SELECT count(*) FROM "{table}"'
        before = holding.execute(count).fetchone()
        push(store, ("west", 2, at(2)))
        assert holding.execute(count).fetchone() == before
        holding.rollback()
    assert read(store, ["west"]) == [(2, "mood 2")]


def test_a_batch_that_fails_writes_nothing(
    market: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perennial.features import online_store

    store = open_store(market)
    push(store, ("east", 1, at(1)))
    times: list[datetime] = []
    number = online_store._microseconds

    def failing(moment: datetime) -> Any:
        times.append(moment)
        return number(moment) if len(times) < 3 else object()

    monkeypatch.setattr(online_store, "_microseconds", failing)
    with pytest.raises(sqlite3.Error):
        push(store, ("east", 2, at(2)), ("west", 2, at(2)))
    monkeypatch.undo()
    assert read(store, ["east", "west"]) == [(1, "mood 1"), (None, None)]
    push(store, ("west", 3, at(3)))
    assert read(store, ["west"]) == [(3, "mood 3")]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_a_moment_is_the_same_in_every_time_zone_of_a_machine(
    any_market: Project, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    skipped = datetime(2024, 3, 10, 2, 30, 0, 7, tzinfo=UTC)  # no such time on New York's clocks
    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        push(open_store(any_market), ("east", 1, skipped))
    time.tzset()
    store = open_store(any_market)
    view, key = store.get_feature_view("crowd"), entity("east")
    ((moment, values),) = store._get_provider().online_read(store.config, view, [key])
    assert moment == skipped
    assert set(values) == {"n_people", "mood"}


def entity(stall: str) -> Any:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    return EntityKey(join_keys=["stall"], entity_values=[Value(string_val=stall)])


def test_clearing_forgets_the_named_views_only(any_market: Project) -> None:
    store = open_store(any_market)
    store._get_provider().online_store.clear(store.config, [store.get_feature_view("crowd")])
    assert read(store, ["north"]) == [(None, None)]
    prices = store.get_online_features(["prices:price"], [{"stall": "north", "fruit_number": 1}])
    assert prices.to_dict()["price"] == [1.25]
