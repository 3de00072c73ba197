"""Versions whose bytes are not those that were signed: on record, told until they hold again."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from perennial.declare.project import Project
from perennial.keep.ledger import Ledger, bento_folder
from perennial.keep.ledger_tables import audit

REFUSED, HOLDS = "refuse bytes", "bytes hold again"


@dataclass(frozen=True)
class Distrusted:
    """A version that was refused and has not held since."""

    model: str
    version: str
    since: str
    by: str
    """What refused it."""
    why: str


def refuse(ledger: Ledger, model: str, version: str, by: str, why: str) -> None:
    """Put on record that a version is not what was signed; the same twice is told once.

    A server that ends over it is started again and again, and must not fill the record.
    """
    with ledger.engine.connect() as connection:
        known = _newest(connection, model, version)
    if known is None or known.why != why:
        with ledger.change(REFUSED, f"{model}/{version}", by, why=why):
            pass


def hold(ledger: Ledger, model: str, version: str, by: str) -> None:
    """Put on record that a version which was refused is what was signed again."""
    with ledger.engine.connect() as connection:
        is_told = _newest(connection, model, version) is not None
    if is_told:
        with ledger.change(HOLDS, f"{model}/{version}", by):
            pass


def distrusted(project: Project, ledger: Ledger, model: str) -> list[Distrusted]:
    """The versions of `model` that were refused and have not held since, by name.

    One whose Bento has been put away cannot be served any more, and is not told.
    """
    subjects = select(audit.c.subject).where(audit.c.action == REFUSED).distinct()
    with ledger.engine.connect() as connection:
        mine = sorted(
            subject.rpartition("/")[2]
            for subject in connection.execute(subjects).scalars()
            if subject.rpartition("/")[0] == model
        )
        found = [_newest(connection, model, version) for version in mine]
    return [
        each
        for each in found
        if each is not None and bento_folder(project, model, each.version).is_dir()
    ]


def _newest(connection: Connection, model: str, version: str) -> Distrusted | None:
    """The last refusal of a version, None when it has held since or never was refused."""
    query = select(audit).where(
        audit.c.subject == f"{model}/{version}", audit.c.action.in_((REFUSED, HOLDS))
    )
    row = connection.execute(query.order_by(audit.c.id.desc()).limit(1)).first()
    if row is None or row.action == HOLDS:
        return None
    return Distrusted(model, version, row.at, row.actor, str(json.loads(row.detail)["why"]))
