"""What the ledger holds about one model, for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from perennial.decide.decided import Decided
from perennial.declare.project import Project
from perennial.keep import releases as kept
from perennial.keep.distrust import Distrusted, distrusted
from perennial.keep.ledger import Ledger, Slot, now
from perennial.keep.ledger_tables import decisions
from perennial.release.record_history import Point, folder_of, points
from perennial.release.record_told import Told, settled_by
from perennial_airflow.page.reading import NIGHTS, Troubles

RELEASES = 10
"""How many releases and routes are shown, the newest ones."""


@dataclass(frozen=True)
class OneRelease:
    """A release with its record, the oldest entry first."""

    release: kept.Release
    record: list[kept.Recorded]
    points: Sequence[Point] = ()
    """What was kept of its measurements, of the newest release only."""

    @property
    def measured(self) -> list[dict[str, Any]]:
        """What it was promoted or rolled back on when it is over, else the newest measurements."""
        return settled_by(self.release, self.record)

    @property
    def told(self) -> Told:
        """The same, arranged to be drawn."""
        return Told(self.release, self.record, self.points, now())


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
    distrusted: list[Distrusted] = field(default_factory=list)
    """Versions that were refused because their bytes are not as signed, and still are."""


def read_shelf(project: Project, model: str, troubles: Troubles) -> Shelf:
    """Read the ledger; an empty shelf when it cannot be read."""
    try:
        ledger = Ledger.of(project)
        try:
            return _read(project, ledger, model, troubles)
        finally:
            ledger.engine.dispose()
    except (SQLAlchemyError, OSError, ValueError) as error:
        troubles.about("the ledger", error)
        return Shelf()


def _read(project: Project, ledger: Ledger, model: str, troubles: Troubles) -> Shelf:
    current = ledger.current(model)
    newest = kept.of_model(ledger, model, RELEASES)
    seen = list(points(folder_of(project, newest[0].id))) if newest else []
    return Shelf(
        live=current[0] if current else None,
        since=current[1] if current else None,
        slots=ledger.slots(model),
        routes=ledger.history(model)[: -RELEASES - 1 : -1],
        releases=[
            OneRelease(each, kept.record(ledger, each.id), seen if each is newest[0] else ())
            for each in newest
        ],
        decisions=_decisions(ledger, model, troubles),
        distrusted=distrusted(project, ledger, model),
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
