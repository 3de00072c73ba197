"""The tables of the ledger, and the connection to its database."""

from __future__ import annotations

import os
import sqlite3
import time
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    false,
    func,
    select,
    text,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from perennial.keep.ledger_columns import add_missing_columns

metadata = MetaData()

TABLES_LOCK = 2013  # any number that no other lock of the same database has

slots = Table(
    "slots",
    metadata,
    Column("model", String, primary_key=True),
    Column("slot", String, primary_key=True),
    Column("port", Integer, nullable=False, unique=True),
    Column("version", String),
    Column("state", String, nullable=False),  # empty | assigned | proven | failed
    Column("detail", String, nullable=False, default=""),
    Column("changed_at", String, nullable=False),
)

routes = Table(
    "routes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String, nullable=False, index=True),
    Column("slot", String, nullable=False),
    Column("version", String, nullable=False),
    Column("since", String, nullable=False),
    Column("why", String, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", String, nullable=False),
)

OPEN = ("pending", "shadow", "canary", "promoted", "rolling_back")
"""The states of a release that is not over: it holds its two slots."""

releases = Table(
    "releases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String, nullable=False, index=True),
    Column("version", String, nullable=False),
    Column("slot", String, nullable=False),
    Column("stable_version", String),  # what it returns to; null when nothing served
    Column("stable_slot", String),
    Column("kind", String, nullable=False),  # first, or as declared
    Column("state", String, nullable=False),
    Column("step", Integer, nullable=False, default=0),  # place in the declared steps
    Column("weight", Float, nullable=False, default=0.0),  # share of the traffic, 0 to 1
    Column("shadow", Float, nullable=False, default=0.0),  # share that is copied, 0 to 1
    Column("revision", Integer, nullable=False, default=0),  # grows with every change
    Column("after_seq", Integer, nullable=False, default=0),  # evidence begins after this entry
    Column("labels_after_seq", Integer, nullable=False, default=0),  # the same in the feedback
    Column("measured", String, nullable=False, default="[]"),  # JSON: the newest measurements
    Column("night", String, nullable=False),
    Column("why", String, nullable=False),
    Column("is_mirrored", Boolean, nullable=False, default=False),  # the registry's alias follows
    Column("started_at", String, nullable=False),
    Column("state_since", String, nullable=False),
    Column("paused_at", String),  # since when a person holds it; null when nobody does
    Column("blind_since", String),  # since when its evidence cannot be read; null when it can
    Column("has_verdict", Boolean, nullable=False, default=False, server_default=false()),
)
_is_open = text(f"state IN {OPEN}")
Index(
    "one_open_release_a_model",
    releases.c.model,
    unique=True,
    sqlite_where=_is_open,
    postgresql_where=_is_open,
)

release_record = Table(
    "release_record",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("release_id", Integer, nullable=False, index=True),
    Column("at", String, nullable=False),
    Column("state", String, nullable=False),  # the one that it came into
    Column("step", Integer, nullable=False),
    Column("weight", Float, nullable=False),
    Column("shadow", Float, nullable=False),
    Column("after_seq", Integer, nullable=False),  # the phase's evidence begins after this entry
    Column("action", String, nullable=False),
    Column("why", String, nullable=False),
    Column("measured", String, nullable=False),  # JSON: each guardrail's measurement
    Column("actor", String, nullable=False, default="", server_default=""),  # who did it
)

decisions = Table(
    "decisions",
    metadata,
    Column("model", String, primary_key=True),
    Column("night", String, primary_key=True),
    Column("decision", String, nullable=False),
    Column("made_at", String, nullable=False),
    Column("watched", String, nullable=False),  # SHA-256 of the report that it rests on
    Column("record", String, nullable=False),  # JSON of the whole `Decided`
)


api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("scopes", String, nullable=False),  # separated by spaces
    Column("hash", String, nullable=False),  # SHA-256 of the secret, which is kept nowhere
    Column("previous_hash", String),  # of the secret before a rotation
    Column("previous_until", String),
    Column("created_at", String, nullable=False),
    Column("expires_at", String),
    Column("revoked_at", String),
    Column("last_used", String),  # the moment, some seconds late
)


def open_database(url: str) -> Engine:
    """The database at `url` with all tables; several processes may open it for the first time.

    A server's is opened once by each process: its connections are dear, a file's are not.
    """
    return _open(url) if url.startswith("sqlite") else _opened(url, os.getpid())


@cache
def _opened(url: str, process: int) -> Engine:  # a forked process must not share connections
    return _open(url)


def _open(url: str) -> Engine:
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if url.startswith("sqlite"):
        event.listen(engine, "connect", _share)
    with engine.begin() as connection:
        (_make_on_server if engine.dialect.name == "postgresql" else _make)(connection)
    return engine


def _make(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    add_missing_columns(connection, metadata)


def _make_on_server(connection: Connection) -> None:
    """One process at a time, and only what is missing.

    PostgreSQL's "if not exists" fails for two at once, and an index that exists is asked for with a
    lock that can deadlock with those who write.
    """
    connection.execute(select(func.pg_advisory_xact_lock(TABLES_LOCK)))
    metadata.create_all(connection)
    add_missing_columns(connection, metadata)


def _share(connection: Any, _record: Any) -> None:
    """Let readers go on while one writes.

    SQLite does not wait for its own time-out when two connections switch a new file to the
    write-ahead log at once; the later one tries again.
    """
    connection.execute("PRAGMA busy_timeout=10000")
    deadline = time.monotonic() + 10
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
