"""What Redis must promise beyond SQLite: several machines write to it at once."""

from __future__ import annotations

import multiprocessing
import random
from datetime import UTC, datetime, timedelta

import pytest

from perennial.declare.project import Project
from perennial.features.repository import open_store

from .test_online_store import STALLS, at, push, read

pytestmark = pytest.mark.redis


def write_shuffled(project: Project, seed: int, n_batches: int) -> None:
    """Each batch gives all stalls a number and its time; the batches come in any order."""
    store = open_store(project)
    numbers = list(range(1, n_batches + 1))
    random.Random(seed).shuffle(numbers)
    for number in numbers:
        push(store, *((stall, number, at(number)) for stall in STALLS))


def test_of_writers_at_once_the_newest_value_stays(redis_market: Project) -> None:
    fork = multiprocessing.get_context("fork")
    writers = [
        fork.Process(target=write_shuffled, args=(redis_market, seed, 40)) for seed in range(3)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert {n for n, _ in read(open_store(redis_market), STALLS)} == {40}


def test_one_batch_holds_an_entity_several_times(redis_market: Project) -> None:
    store = open_store(redis_market)
    push(store, ("east", 2, at(2)), ("east", 3, at(3)), ("east", 1, at(1)))
    assert read(store, ["east"]) == [(3, "mood 3")]


def test_what_is_cleared_can_be_older_afterwards(redis_market: Project) -> None:
    store = open_store(redis_market)
    push(store, ("east", 9, at(90)))
    online, view = store._get_provider().online_store, store.get_feature_view("crowd")
    online.clear(store.config, [view])
    assert read(store, ["east"]) == [(None, None)]
    push(store, ("east", 1, at(1)))
    assert read(store, ["east"]) == [(1, "mood 1")]


def test_clearing_every_view_leaves_nothing_of_the_project(redis_market: Project) -> None:
    store = open_store(redis_market)
    online = store._get_provider().online_store
    client = online._get_client(store.config.online_store)
    client.set(b"someone else", b"untouched")
    online.clear(store.config, store.list_feature_views())
    assert client.keys() == [b"someone else"]


def test_more_rows_than_a_script_takes_are_written(redis_market: Project) -> None:
    from perennial.features.online_redis import ROWS_AT_ONCE

    store = open_store(redis_market)
    stalls = [f"stall {number}" for number in range(ROWS_AT_ONCE + 1)]
    push(store, *((stall, 7, at(1)) for stall in stalls))
    assert {n for n, _ in read(store, [stalls[0], stalls[-1]])} == {7}


def test_values_expire_where_that_is_declared(redis_market: Project) -> None:
    store = open_store(redis_market)
    store.config.online_store.key_ttl_seconds = 60
    push(store, ("east", 1, at(1)))
    client = store._get_provider().online_store._get_client(store.config.online_store)
    remaining = [client.ttl(key) for key in client.scan_iter() if b"east" in key]
    assert remaining
    assert all(0 < seconds <= 60 for seconds in remaining)


@pytest.mark.parametrize("microseconds", [0, 1, 999_999])
def test_times_are_kept_to_the_microsecond(redis_market: Project, microseconds: int) -> None:
    store = open_store(redis_market)
    moment = datetime(2024, 5, 3, 12, tzinfo=UTC) + timedelta(microseconds=microseconds)
    push(store, ("east", 1, moment))
    answer = store.get_online_features(["crowd:n_people"], [{"stall": "east"}])
    found = answer.proto.results[-1].event_timestamps[0]
    assert found.seconds * 1_000_000 + found.nanos // 1000 == int(moment.timestamp() * 1_000_000)


def test_a_redis_that_is_gone_is_an_error(redis_market: Project) -> None:
    from redis.exceptions import ConnectionError as GoneError

    file = redis_market.feature_repo / "feature_store.yaml"
    text = file.read_text(encoding="utf-8")
    where = open_store(redis_market).config.online_store.connection_string
    file.write_text(text.replace(where, "127.0.0.1:1"), encoding="utf-8")
    with pytest.raises(GoneError):
        read(open_store(redis_market), ["north"])
