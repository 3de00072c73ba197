"""Releases as the ledger knows them: what each is, which are open, and their whole record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import ColumnElement, select

from perennial.errors import UnavailableError
from perennial.keep.ledger import Ledger
from perennial.keep.ledger_tables import OPEN, release_record, releases

ReleaseState = Literal[
    "pending", "shadow", "canary", "promoted", "done", "rolling_back", "rolled_back"
]
ReleaseKind = Literal["first", "canary", "shadow", "ab", "interleave", "blue_green"]
"""As declared; `first` when nothing answered before, so that there was nothing to compare with."""

UNDER_WAY = ("pending", "shadow", "canary")
"""The states in which the champion is still the one from before."""

SAME_EVIDENCE = ("pause", "resume", "verdict", "blind", "see")
"""Actions that change a release without beginning a phase: its evidence and its clock go on."""

FORCED = "force"
"""A promotion against a guardrail that failed: what was measured before counts no more."""


@dataclass(frozen=True)
class Release:
    """One version's way to answering, or back."""

    id: int
    model: str
    version: str
    slot: str
    stable_version: str | None
    """What answered when it began, and what it returns to; None when nothing served."""
    stable_slot: str | None
    kind: ReleaseKind
    state: ReleaseState
    step: int
    weight: float
    shadow: float
    revision: int
    after_seq: int
    labels_after_seq: int
    measured: str
    night: str
    why: str
    is_mirrored: bool
    started_at: str
    state_since: str
    paused_at: str | None = None
    """Since when a person holds it where it is; None when nobody does."""
    blind_since: str | None = None
    """Since when its evidence cannot be read; None when it can."""
    has_verdict: bool = False
    """Whether everything passed in this phase and only a person leads on."""

    @property
    def is_open(self) -> bool:
        """Whether it is not over, and so holds its slots."""
        return self.state in OPEN


@dataclass(frozen=True)
class Recorded:
    """One entry of a release's record."""

    at: str
    state: ReleaseState
    step: int
    weight: float
    shadow: float
    after_seq: int
    action: str
    why: str
    measured: list[dict[str, Any]]
    actor: str = ""
    """Who did it: a process of the project, or a person and by what means."""

    @property
    def begins_phase(self) -> bool:
        """Whether evidence is gathered anew from here on."""
        return self.state in ("shadow", "canary", "promoted") and self.action not in SAME_EVIDENCE


def find(ledger: Ledger, release_id: int) -> Release:
    """The release with this number. Raises `UnavailableError` when there is none."""
    found = _select(ledger, releases.c.id == release_id, limit=1)
    if not found:
        raise UnavailableError(f"the ledger has no release {release_id}")
    return found[0]


def under_way(ledger: Ledger, model: str) -> Release | None:
    """The model's release that is not over (armed ones count); None when there is none."""
    found = _select(ledger, releases.c.model == model, releases.c.state.in_(OPEN), limit=1)
    return found[0] if found else None


def all_open(ledger: Ledger) -> list[Release]:
    """Every release that is not over."""
    return _select(ledger, releases.c.state.in_(OPEN))


def not_mirrored(ledger: Ledger) -> list[Release]:
    """Every release since which the registry does not name the champion yet."""
    return _select(ledger, releases.c.is_mirrored.is_(False))


def of_model(ledger: Ledger, model: str, limit: int | None = None) -> list[Release]:
    """The model's releases, the newest first."""
    return _select(ledger, releases.c.model == model, limit=limit)


def record(ledger: Ledger, release_id: int) -> list[Recorded]:
    """Everything that happened to a release and why, the oldest first."""
    query = (
        select(release_record)
        .where(release_record.c.release_id == release_id)
        .order_by(release_record.c.id)
    )
    with ledger.engine.connect() as connection:
        rows = [row._mapping for row in connection.execute(query)]
    names = [each.name for each in fields(Recorded)]
    return [
        Recorded(**{**{name: row[name] for name in names}, "measured": json.loads(row["measured"])})
        for row in rows
    ]


def phases(recorded: Sequence[Recorded]) -> list[Recorded]:
    """The entries of a record that began a phase; after a forced promotion, only from there on."""
    begun = [each for each in recorded if each.begins_phase]
    forced = [place for place, each in enumerate(begun) if each.action == FORCED]
    return begun[forced[-1] :] if forced else begun


def _select(ledger: Ledger, *where: ColumnElement[bool], limit: int | None = None) -> list[Release]:
    query = select(releases).where(*where).order_by(releases.c.id.desc()).limit(limit)
    with ledger.engine.connect() as connection:
        return [Release(**row._mapping) for row in connection.execute(query)]
