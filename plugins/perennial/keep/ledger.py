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
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep.ledger_tables import audit, open_database, routes, slots
from perennial.keep.live_route import Route, live_route
from perennial.keep.slots import SLOTS, Slot, State, slot_of

__all__ = ["SLOTS", "Ledger", "Route", "Serving", "Slot", "State", "bento_folder", "now", "serving"]


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
        self.engine = open_database(url)

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
            if self.engine.dialect.name == "sqlite":  # what is read must hold until it is written
                connection.exec_driver_sql("BEGIN IMMEDIATE")
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
        while not (reserved := self.slots(model)):
            try:
                self._reserve(model, first_port)
            except IntegrityError:  # another process was first: look at what it left
                continue
        return reserved

    def _reserve(self, model: str, first_port: int) -> None:
        with self.change("reserve", model, "deploy") as connection:
            taken = set(connection.execute(select(slots.c.port)).scalars())
            free = (port for port in range(first_port, 65536) if port not in taken)
            ports = dict(zip(SLOTS, free, strict=False))
            if len(ports) < len(SLOTS):
                raise UnavailableError(f"no {len(SLOTS)} ports are free from {first_port} on")
            for name, port in ports.items():
                new = {"model": model, "slot": name, "port": port, "state": "empty"}
                connection.execute(insert(slots).values(**new, changed_at=now()))

    def slots(self, model: str | None = None) -> list[Slot]:
        """The reserved slots of one model, or of all."""
        query = select(slots).order_by(slots.c.model, slots.c.slot)
        if model is not None:
            query = query.where(slots.c.model == model)
        with self.engine.connect() as connection:
            return [slot_of(row) for row in connection.execute(query)]

    def set_slot(
        self, model: str, slot: str, version: str | None, state: State, detail: str = ""
    ) -> None:
        """Record which version a slot runs and whether it has been proven."""
        told = {"version": version, "detail": detail}
        with self.change(state, f"{model}/{slot}", "deploy", **told) as connection:
            changed = connection.execute(
                update(slots)
                .where(slots.c.model == model, slots.c.slot == slot)
                .values(version=version, state=state, detail=detail, changed_at=now())
            )
            if changed.rowcount != 1:
                raise UnavailableError(f"{model} has no slot {slot!r} reserved")

    def route(self, model: str, slot: str, version: str, why: str, actor: str) -> None:
        """Let `slot` answer for `model` from now on.

        Raises `UnavailableError` when the slot is not proven with this very version.
        """
        with self.change("route", model, actor, slot=slot, version=version, why=why) as connection:
            put_route(connection, model, slot, version, why)

    def current(self, model: str) -> tuple[Slot, str] | None:
        """The slot that answers for `model` and since when; None when nothing serves."""
        same = and_(slots.c.model == routes.c.model, slots.c.slot == routes.c.slot)
        query = (
            select(slots, routes.c.since)
            .join_from(routes, slots, same)
            .where(routes.c.model == model)
            .order_by(routes.c.id.desc())
            .limit(1)
        )
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else (slot_of(row), str(row.since))

    def live(self, model: str) -> Route | None:
        """Who answers for `model` and who is tried beside it; None when nothing serves."""
        return live_route(self.engine, model)

    def history(self, model: str) -> list[dict[str, Any]]:
        """What answered for `model`, the oldest first."""
        query = select(routes).where(routes.c.model == model).order_by(routes.c.id)
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]


def put_route(
    connection: Connection, model: str, slot: str | None, version: str | None, why: str
) -> None:
    """Let `slot` answer for `model`, within a transaction that may change more.

    Raises `UnavailableError` when the slot is not proven with this very version.
    """
    query = select(slots).where(slots.c.model == model, slots.c.slot == slot)
    found = connection.execute(query.with_for_update()).first()
    if found is None or (found.version, found.state) != (version, "proven"):
        has = f"{found.version} ({found.state})" if found else "not reserved"
        raise UnavailableError(
            f"{model} {version} cannot answer from slot {slot!r}, which is {has}; "
            "it must be proven there first"
        )
    connection.execute(
        insert(routes).values(model=model, slot=slot, version=version, since=now(), why=why)
    )


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
