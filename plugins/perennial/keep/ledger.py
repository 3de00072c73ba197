"""The ledger: what processes share – slots, what serves since when, and who did what.

One SQL database by SQLAlchemy (SQLite below `var/` unless `PERENNIAL_LEDGER_URL` names another).
Histories are append-only; the present is the newest row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
    update,
)

from perennial.declare.project import Project

metadata = MetaData()

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

SLOTS = ("blue", "green")
State = Literal["empty", "assigned", "proven", "failed"]


@dataclass(frozen=True)
class Slot:
    """A dedicated server's place: one model version at a time, on a port of its own."""

    model: str
    slot: str
    port: int
    version: str | None
    state: State
    detail: str = ""


@dataclass(frozen=True)
class Serving:
    """What answers for a model now."""

    model: str
    slot: str
    port: int
    version: str
    since: str
    version_folder: Path


class Ledger:
    """Reads and writes the shared state; every change is one transaction."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        metadata.create_all(self.engine)

    @classmethod
    def of(cls, project: Project) -> Ledger:
        """The project's ledger; its SQLite file is made on first use."""
        if project.settings.ledger_url:
            return cls(project.settings.ledger_url)
        file = project.var / "state" / "perennial.db"
        file.parent.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{file}")

    @contextmanager
    def change(self, action: str, subject: str, actor: str, **detail: Any) -> Iterator[Connection]:
        """A transaction that also writes one audit row; all of it or nothing."""
        with self.engine.begin() as connection:
            yield connection
            connection.execute(
                insert(audit).values(
                    at=now(),
                    actor=actor,
                    action=action,
                    subject=subject,
                    detail=json.dumps(detail, sort_keys=True),
                )
            )

    def reserve(self, model: str, first_port: int) -> list[Slot]:
        """The model's slots, reserved with ports of their own the first time."""
        if not self.slots(model):
            with self.change("reserve", model, "deploy") as connection:
                taken = set(connection.execute(select(slots.c.port)).scalars())
                free = (port for port in range(first_port, 65536) if port not in taken)
                for name in SLOTS:
                    connection.execute(
                        insert(slots).values(
                            model=model, slot=name, port=next(free), state="empty", changed_at=now()
                        )
                    )
        return self.slots(model)

    def slots(self, model: str | None = None) -> list[Slot]:
        """The reserved slots of one model, or of all."""
        query = select(slots).order_by(slots.c.model, slots.c.slot)
        if model is not None:
            query = query.where(slots.c.model == model)
        with self.engine.connect() as connection:
            return [
                Slot(row.model, row.slot, row.port, row.version, row.state, row.detail)
                for row in connection.execute(query)
            ]

    def set_slot(
        self, model: str, slot: str, version: str | None, state: State, detail: str = ""
    ) -> None:
        """Record which version a slot runs and whether it has been proven."""
        with self.change(state, f"{model}/{slot}", "deploy", version=version) as connection:
            connection.execute(
                update(slots)
                .where(slots.c.model == model, slots.c.slot == slot)
                .values(version=version, state=state, detail=detail, changed_at=now())
            )

    def route(self, model: str, slot: str, version: str, why: str, actor: str) -> None:
        """Let `slot` answer for `model` from now on."""
        with self.change("route", model, actor, slot=slot, version=version, why=why) as connection:
            connection.execute(
                insert(routes).values(model=model, slot=slot, version=version, since=now(), why=why)
            )

    def current(self, model: str) -> tuple[Slot, str] | None:
        """The slot that answers for `model` and since when; None when nothing serves."""
        query = select(routes).where(routes.c.model == model).order_by(routes.c.id.desc()).limit(1)
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        slot = next(each for each in self.slots(model) if each.slot == row.slot)
        return slot, str(row.since)

    def history(self, model: str) -> list[dict[str, str]]:
        """What answered for `model`, the oldest first."""
        query = select(routes).where(routes.c.model == model).order_by(routes.c.id)
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]


def serving(project: Project, model: str) -> Serving | None:
    """What answers for `model` now, with the folder of its files; None when nothing does."""
    found = Ledger.of(project).current(model)
    if found is None or found[0].version is None:
        return None
    slot, since = found
    assert slot.version is not None
    folder = bento_folder(project, model, slot.version) / "src" / "model"
    return Serving(model, slot.slot, slot.port, slot.version, since, folder)


def bento_folder(project: Project, model: str, version: str) -> Path:
    """Where BentoML keeps the Bento of one model version."""
    return project.var / "bentoml" / "bentos" / model / version


def now() -> str:
    """The wall clock, for records only: nothing decides by it which data to use."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if url.startswith("sqlite"):

        @event.listens_for(engine, "connect")
        def _share(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA busy_timeout=10000")

    return engine
