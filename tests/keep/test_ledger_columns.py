"""A ledger that an older version of the project made is given the columns that came later."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from perennial.keep import ledger_tables, release_changes, releases
from perennial.keep.ledger import Ledger
from perennial.keep.ledger_tables import metadata, open_database

LATER = {"releases": ("paused_at", "blind_since", "has_verdict"), "release_record": ("actor",)}


@pytest.fixture
def older_url(ledger_url: str) -> str:
    """The address of a ledger of before, with a release in it."""
    ledger = Ledger(ledger_url)
    release_changes.start(
        ledger, release_changes.plan("m", "v1", "blue", night="2024-02-01", why="test"), "test"
    )
    with ledger.engine.begin() as connection:
        for table, columns in LATER.items():
            for column in columns:
                connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
    forget(ledger)
    return ledger_url


def forget(ledger: Ledger) -> None:
    """Let the next one open it as a new process does."""
    ledger.engine.dispose()
    ledger_tables._opened.cache_clear()


def columns(engine: Engine, table: str) -> dict[str, Any]:
    return {each["name"]: each for each in inspect(engine).get_columns(table)}


def test_they_are_added_and_what_was_there_stays_valid(older_url: str) -> None:
    before = create_engine(older_url)
    assert not set(LATER["releases"]) & set(columns(before, "releases"))
    before.dispose()
    ledger = Ledger(older_url)
    (found,) = releases.of_model(ledger, "m")
    assert (found.version, found.state) == ("v1", "pending")
    assert (found.paused_at, found.blind_since, found.has_verdict) == (None, None, False)
    assert [each.actor for each in releases.record(ledger, found.id)] == [""]
    for table in metadata.sorted_tables:
        assert set(columns(ledger.engine, table.name)) == {each.name for each in table.columns}
    assert not columns(ledger.engine, "releases")["has_verdict"]["nullable"]


def test_a_release_of_before_is_paused_and_told_with_its_actor(older_url: str) -> None:
    ledger = Ledger(older_url)
    (found,) = releases.of_model(ledger, "m")
    change = release_changes.keep_on(found, "pause", "a look")
    paused = release_changes.transition(ledger, found, change, "ann")
    assert paused.paused_at is not None
    assert releases.of_model(ledger, "m") == [paused]
    assert [each.actor for each in releases.record(ledger, found.id)] == ["", "ann"]


def test_opened_again_nothing_is_changed(older_url: str) -> None:
    opened = Ledger(older_url)
    first = columns(opened.engine, "releases")
    forget(opened)
    again = columns(Ledger(older_url).engine, "releases")
    assert list(first) == list(again)


def test_two_processes_may_open_it_at_once(older_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    opening = [context.Process(target=open_database, args=(older_url,)) for _ in range(2)]
    for each in opening:
        each.start()
    for each in opening:
        each.join(60)
    assert [each.exitcode for each in opening] == [0, 0]
    assert set(LATER["releases"]) <= set(columns(Ledger(older_url).engine, "releases"))
