"""What is kept of Redis is kept for a moment only, by a clock."""

from __future__ import annotations

from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.features.online import OnlineFeatures
from perennial.features.repository import open_store

from .market import model
from .test_online_store import at, push
from .test_sqlite_reads import moods

pytestmark = pytest.mark.redis


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_push_is_seen_within_a_twentieth_of_the_promise(redis_market: Project) -> None:
    online, store, clock = OnlineFeatures(redis_market, model()), open_store(redis_market), Clock()
    reader: Any = online._reader
    reader._clock = clock
    assert moods(online, "north") == ["merry"]
    push(store, ("north", 5, at(5)), ("east", 5, at(5)))
    clock.seconds += 0.05
    assert moods(online, "north", "east") == ["merry", "mood 5"]
    clock.seconds += 0.051  # of a promise of 2 s
    assert moods(online, "north", "east") == ["mood 5", "mood 5"]


def test_what_feast_s_own_store_wrote_is_read(redis_market: Project) -> None:
    store = open_store(redis_market)
    push(store, ("east", 7, at(7)))
    client = store._get_provider().online_store._get_client(store.config.online_store)
    for key in client.scan_iter():
        client.hdel(key, "_us:crowd", "_us:prices")  # only the project's own writes these
    assert moods(OnlineFeatures(redis_market, model()), "east", "north") == ["mood 7", "merry"]


def test_nothing_is_kept_when_the_server_fails(
    redis_market: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = OnlineFeatures(redis_market, model())
    reader: Any = online._reader
    with monkeypatch.context() as patched:
        patched.setattr(reader._client, "pipeline", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            moods(online, "north")
    assert moods(online, "north") == ["merry"]
