"""Decisions in the ledger: one per model and night."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError
from sqlalchemy import delete, insert, select

from perennial.decide.decided import STRATEGIES, Decided
from perennial.keep.ledger import Ledger, now
from perennial.keep.ledger_tables import decisions


@dataclass(frozen=True)
class Past:
    """An earlier decision, reduced to what later ones ask about."""

    night: date
    decision: str
    regret: float

    @property
    def has_trained(self) -> bool:
        """Whether it was a training of any kind."""
        return self.decision in STRATEGIES

    @property
    def has_learned(self) -> bool:
        """Whether it was a training of more than the level of the answers."""
        return self.has_trained and self.decision != "recalibrate"


def past_of(ledger: Ledger, model: str, night: date) -> list[Past]:
    """The decisions of the nights before `night`, the newest first."""
    query = (
        select(decisions)
        .where(decisions.c.model == model, decisions.c.night < night.isoformat())
        .order_by(decisions.c.night.desc())
    )
    with ledger.engine.connect() as connection:
        return [
            Past(
                date.fromisoformat(row.night),
                row.decision,
                float(json.loads(row.record).get("regret", 0.0)),
            )
            for row in connection.execute(query)
        ]


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
