"""What the ledger holds about one model, for the page."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from perennial.decide.decided import Decided
from perennial.declare.project import Project
from perennial.keep import releases as kept
from perennial.keep.ledger import Ledger, Slot
from perennial.keep.ledger_tables import decisions
from perennial_airflow.page.reading import NIGHTS, Troubles

RELEASES = 10
"""How many releases and routes are shown, the newest ones."""

ENDED_BY = {"done": "promoted", "rolling_back": "rolling_back", "rolled_back": "rolling_back"}
"""The entry of the record whose measurements settled it, by the state that it came to."""


@dataclass(frozen=True)
class OneRelease:
    """A release with its record, the oldest entry first."""

    release: kept.Release
    record: list[kept.Recorded]

    @property
    def measured(self) -> list[dict[str, Any]]:
        """What it was promoted or rolled back on when it is over, else the newest measurements."""
        state = ENDED_BY.get(self.release.state)
        if state is not None:
            return next((each.measured for each in self.record if each.state == state), [])
        fresh: list[dict[str, Any]] = json.loads(self.release.measured)
        return fresh or next((each.measured for each in reversed(self.record) if each.measured), [])


@dataclass(frozen=True)
class Shelf:
    """Everything of one model, as far as the ledger could be read."""

    live: Slot | None = None
    since: str | None = None
    slots: list[Slot] = field(default_factory=list)
    routes: list[dict[str, Any]] = field(default_factory=list)
    releases: list[OneRelease] = field(default_factory=list)
    """The newest first."""
    decisions: list[tuple[str, Decided]] = field(default_factory=list)
    """When each was made, and its record; the newest night first."""


def read_shelf(project: Project, model: str, troubles: Troubles) -> Shelf:
    """Read the ledger; an empty shelf when it cannot be read."""
    try:
        ledger = Ledger.of(project)
        try:
            return _read(ledger, model, troubles)
        finally:
            ledger.engine.dispose()
    except (SQLAlchemyError, OSError, ValueError) as error:
        troubles.about("the ledger", error)
        return Shelf()


def _read(ledger: Ledger, model: str, troubles: Troubles) -> Shelf:
    current = ledger.current(model)
    return Shelf(
        live=current[0] if current else None,
        since=current[1] if current else None,
        slots=ledger.slots(model),
        routes=ledger.history(model)[: -RELEASES - 1 : -1],
        releases=[
            OneRelease(each, kept.record(ledger, each.id))
            for each in kept.of_model(ledger, model, RELEASES)
        ],
        decisions=_decisions(ledger, model, troubles),
    )


def _decisions(ledger: Ledger, model: str, troubles: Troubles) -> list[tuple[str, Decided]]:
    query = select(decisions).where(decisions.c.model == model)
    with ledger.engine.connect() as connection:
        rows = connection.execute(query.order_by(decisions.c.night.desc()).limit(NIGHTS)).all()
    found = []
    for row in rows:
        try:
            found.append((row.made_at, Decided.model_validate_json(row.record)))
        except ValueError as error:
            troubles.about(f"the decision of {row.night}", error)
    return found
