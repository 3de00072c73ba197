"""Changes of releases: begun once, changed by compare-and-set, with every reason on record.

A change writes the release, the route when the champion changes, the record and the audit in one
transaction. Whoever changes a release says which revision it has seen: a change that rests on an
older one is refused, so that an abort is never overtaken by a step that was decided before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, insert, update
from sqlalchemy.exc import IntegrityError

from perennial.declare.release import Release as Declared
from perennial.errors import BusyError
from perennial.keep.ledger import Ledger, Slot, now, put_route
from perennial.keep.ledger_tables import release_record, releases
from perennial.keep.releases import SAME_EVIDENCE, Release, ReleaseKind, ReleaseState

SETTLE = timedelta(seconds=2)
"""How long a rollback holds its slots: until every gateway has read the route anew."""


@dataclass(frozen=True)
class Change:
    """What one transition changes; the wall clock and the revision come with the transaction."""

    state: ReleaseState
    action: str
    why: str
    step: int = 0
    weight: float = 0.0
    shadow: float = 0.0
    champion: Literal["new", "stable", "same"] = "same"
    """Who answers from now on: the release's version, the one before, or who did so far."""

    @property
    def begins_phase(self) -> bool:
        """Whether evidence is gathered anew from here on."""
        return self.state in ("shadow", "canary", "promoted") and self.action not in SAME_EVIDENCE


def keep_on(release: Release, action: str, why: str) -> Change:
    """A change of `release` that leaves its state and its traffic as they are."""
    return Change(
        release.state,
        action,
        why,
        step=release.step,
        weight=release.weight,
        shadow=release.shadow,
    )


def back(release: Release, why: str, action: str = "roll back") -> Change:
    """Back to what answered before; the route moves only when it had moved."""
    has_moved = release.state in ("promoted", "done")
    champion: Literal["stable", "same"] = "stable" if has_moved else "same"
    return Change("rolling_back", action, why, step=release.step, champion=champion)


def promotion(release: Release, declared: Declared, why: str) -> Change:
    """Let the new version answer everything, the old one warm and asked too for its share."""
    share = declared.armed_share if declared.armed_hours else 0.0
    return Change("promoted", "promote", why, step=release.step, shadow=share, champion="new")


def plan(
    model: str,
    version: str,
    slot: str,
    *,
    night: str,
    why: str,
    stable: Slot | None = None,
    kind: ReleaseKind = "canary",
    state: ReleaseState | None = None,
    shadow: float = 0.0,
    after_seq: int = 0,
    labels_after_seq: int = 0,
) -> Release:
    """A release that could begin: `pending`, and `done` already when it is a model's first.

    `state` and `shadow` say otherwise: `promoted` answers at once, and is armed.
    """
    state = state or ("done" if kind == "first" else "pending")
    return Release(
        id=0,
        model=model,
        version=version,
        slot=slot,
        stable_version=stable.version if stable else None,
        stable_slot=stable.slot if stable else None,
        kind=kind,
        state=state,
        step=0,
        weight=0.0,
        shadow=shadow,
        revision=0,
        after_seq=after_seq,
        labels_after_seq=labels_after_seq,
        measured="[]",
        night=night,
        why=why,
        is_mirrored=state == "pending",
        started_at="",
        state_since="",
    )


def start(ledger: Ledger, new: Release, actor: str) -> Release:
    """Begin `new` (its `id` and times are given here); one at a time for a model.

    In the states `promoted` and `done` it becomes the champion in the same transaction.
    Raises `BusyError` when another release of the model is not over.
    """
    began = replace(new, started_at=now(), state_since=now())
    row = {name: value for name, value in asdict(began).items() if name != "id"}
    told = {"version": new.version, "slot": new.slot, "why": new.why}
    try:
        with ledger.change("release", new.model, actor, **told) as connection:
            given = connection.execute(insert(releases).values(**row)).inserted_primary_key
            assert given is not None
            began = replace(began, id=int(given[0]))
            _put_on_record(connection, began, "begin", new.why, [], actor)
            if began.state in ("promoted", "done"):
                put_route(connection, began.model, began.slot, began.version, new.why)
    except IntegrityError as error:
        raise BusyError(f"another release of {new.model} is not over") from error
    return began


def transition(
    ledger: Ledger,
    release: Release,
    change: Change,
    actor: str,
    measured: Sequence[dict[str, Any]] = (),
    after_seq: int | None = None,
) -> Release:
    """Change `release` as it was seen; all of it or nothing.

    `after_seq` begins a new phase of evidence there. The action `pause` holds the release until
    `resume` or the end of the phase; so does `blind` until `see`. Raises `BusyError` when it was
    changed since, `UnavailableError` when who is to answer is not proven on its slot any more.
    """
    goes_on = change.action in SAME_EVIDENCE
    after = replace(
        release,
        **_held(release, change),
        state=change.state,
        step=change.step,
        weight=change.weight,
        shadow=change.shadow,
        revision=release.revision + 1,
        why=change.why,
        state_since=release.state_since if goes_on else now(),
        after_seq=release.after_seq if after_seq is None else after_seq,
        measured=release.measured if goes_on and not measured else json.dumps(list(measured)),
        is_mirrored=release.is_mirrored and change.champion == "same",
    )
    told = {"release": release.id, "from": release.state, "to": change.state, "why": change.why}
    with ledger.change(change.action, release.model, actor, **told) as connection:
        _compare_and_set(connection, release, after)
        if change.champion == "new":
            put_route(connection, release.model, release.slot, release.version, change.why)
        elif change.champion == "stable":
            put_route(
                connection, release.model, release.stable_slot, release.stable_version, change.why
            )
        _put_on_record(connection, after, change.action, change.why, measured, actor)
    return after


def _held(release: Release, change: Change) -> dict[str, Any]:
    """What holds a release after `change`: a person, or evidence that cannot be read."""
    if change.action not in SAME_EVIDENCE:
        return {"paused_at": None, "blind_since": None, "has_verdict": False}
    return {
        "paused_at": {"pause": now(), "resume": None}.get(change.action, release.paused_at),
        "blind_since": {"blind": now(), "see": None}.get(change.action, release.blind_since),
        "has_verdict": release.has_verdict or change.action == "verdict",
    }


def show_measured(ledger: Ledger, release: Release, measured: Sequence[dict[str, Any]]) -> None:
    """Let readers see the newest measurements; nothing when the release was changed since."""
    values = {"measured": json.dumps(list(measured))}
    with ledger.engine.begin() as connection:
        connection.execute(update(releases).where(*_as_seen(release)).values(**values))


def set_mirrored(ledger: Ledger, release: Release) -> None:
    """Note that the registry names the champion; nothing when the release was changed since."""
    with ledger.engine.begin() as connection:
        connection.execute(update(releases).where(*_as_seen(release)).values(is_mirrored=True))


def _as_seen(release: Release) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return releases.c.id == release.id, releases.c.revision == release.revision


def _compare_and_set(connection: Connection, before: Release, after: Release) -> None:
    values = {name: value for name, value in asdict(after).items() if name != "id"}
    done = connection.execute(update(releases).where(*_as_seen(before)).values(**values))
    if done.rowcount != 1:
        raise BusyError(
            f"release {before.id} of {before.model} was changed by another process since revision "
            f"{before.revision} ({before.state})"
        )


def _put_on_record(
    connection: Connection,
    release: Release,
    action: str,
    why: str,
    measured: Sequence[dict[str, Any]],
    actor: str,
) -> None:
    connection.execute(
        insert(release_record).values(
            release_id=release.id,
            at=now(),
            state=release.state,
            step=release.step,
            weight=release.weight,
            shadow=release.shadow,
            after_seq=release.after_seq,
            action=action,
            why=why,
            measured=json.dumps(list(measured)),
            actor=actor,
        )
    )
