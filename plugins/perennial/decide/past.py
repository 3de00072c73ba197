"""Decisions in the ledger: one per model and night."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError
from sqlalchemy import ColumnElement, delete, insert, select

from perennial.decide.decided import Decided
from perennial.declare.decide import TRAININGS
from perennial.keep.ledger import Ledger, now
from perennial.keep.ledger_tables import decisions


@dataclass(frozen=True)
class Training:
    """A night on which a training was decided."""

    night: date
    decision: str

    @property
    def has_learned(self) -> bool:
        """Whether it was of more than the level of the answers."""
        return self.decision != "recalibrate"


def trainings_before(ledger: Ledger, model: str, night: date) -> list[Training]:
    """Trainings of any kind on nights before `night`, the newest first."""
    query = (
        select(decisions.c.night, decisions.c.decision)
        .where(*_before(model, night), decisions.c.decision.in_(TRAININGS))
        .order_by(decisions.c.night.desc())
    )
    with ledger.engine.connect() as connection:
        return [Training(date.fromisoformat(row.night), row.decision)
                for row in connection.execute(query)]  # fmt: skip


def regret_before(ledger: Ledger, model: str, night: date) -> float:
    """The regret of the last night that was decided on; nothing once a training answered it."""
    query = (
        select(decisions.c.decision, decisions.c.record)
        .where(*_before(model, night))
        .order_by(decisions.c.night.desc())
        .limit(1)
    )
    with ledger.engine.connect() as connection:
        last = connection.execute(query).first()
    if last is None or last.decision in TRAININGS:
        return 0.0
    return float(json.loads(last.record).get("regret", 0.0))


def find(ledger: Ledger, model: str, night: date, watched: str) -> Decided | None:
    """The decision of this night, if it rests on the report with the digest `watched`."""
    query = select(decisions.c.record).where(
        decisions.c.model == model,
        decisions.c.night == night.isoformat(),
        decisions.c.watched == watched,
    )
    with ledger.engine.connect() as connection:
        found = connection.execute(query).scalar()
    try:
        return None if found is None else Decided.model_validate_json(found)
    except ValidationError:
        return None  # another version of the project wrote it: decide again


def keep(ledger: Ledger, decided: Decided, watched: str) -> None:
    """Make it the decision of its night; one that rested on another report is replaced.

    The audit tells both, so that nothing is decided twice unseen.
    """
    mine = (decisions.c.model == decided.model, decisions.c.night == decided.at.isoformat())
    with ledger.engine.connect() as connection:
        before = connection.execute(select(decisions.c.decision).where(*mine)).scalar()
    action = "decide" if before is None else "decide again"
    told = {
        "night": decided.at.isoformat(),
        "decision": decided.decision,
        "why": decided.why,
        "watched": watched,
        **({} if before is None else {"before": before}),
    }
    with ledger.change(action, decided.model, "decide", **told) as connection:
        connection.execute(delete(decisions).where(*mine))
        connection.execute(
            insert(decisions).values(
                model=decided.model,
                night=decided.at.isoformat(),
                decision=decided.decision,
                made_at=now(),
                watched=watched,
                record=decided.model_dump_json(),
            )
        )


def _before(model: str, night: date) -> tuple[ColumnElement[bool], ...]:
    return decisions.c.model == model, decisions.c.night < night.isoformat()
