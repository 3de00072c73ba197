"""Changes of releases: begun once, changed by compare-and-set, with every reason on record.

A change writes the release, the route when the champion changes, the record and the audit in one
transaction. Whoever changes a release says which revision it has seen: a change that rests on an
older one is refused, so that an abort is never overtaken by a step that was decided before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, insert, update
from sqlalchemy.exc import IntegrityError

from perennial.errors import BusyError
from perennial.keep.ledger import Ledger, Slot, now, put_route
from perennial.keep.ledger_tables import release_record, releases
from perennial.keep.releases import Release, ReleaseState


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


def plan(
    model: str,
    version: str,
    slot: str,
    *,
    night: str,
    why: str,
    stable: Slot | None = None,
    kind: Literal["canary", "at_once"] = "canary",
    after_seq: int = 0,
    labels_after_seq: int = 0,
) -> Release:
    """A release that could begin: `done` already when it is all at once, `pending` otherwise."""
    is_at_once = kind == "at_once"
    return Release(
        id=0,
        model=model,
        version=version,
        slot=slot,
        stable_version=stable.version if stable else None,
        stable_slot=stable.slot if stable else None,
        kind=kind,
        state="done" if is_at_once else "pending",
        step=0,
        weight=0.0,
        shadow=0.0,
        revision=0,
        after_seq=after_seq,
        labels_after_seq=labels_after_seq,
        measured="[]",
        night=night,
        why=why,
        is_mirrored=not is_at_once,
        started_at="",
        state_since="",
    )


def start(ledger: Ledger, new: Release, actor: str) -> Release:
    """Begin `new` (its `id` and times are given here); one at a time for a model.

    In the state `done` it becomes the champion in the same transaction.
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
            _put_on_record(connection, began, "begin", new.why, [])
            if began.state == "done":
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

    `after_seq` begins a new phase of evidence there. Raises `BusyError` when it was changed since,
    `UnavailableError` when who is to answer is not proven on its slot any more.
    """
    after = replace(
        release,
        state=change.state,
        step=change.step,
        weight=change.weight,
        shadow=change.shadow,
        revision=release.revision + 1,
        why=change.why,
        state_since=now(),
        after_seq=release.after_seq if after_seq is None else after_seq,
        measured=json.dumps(list(measured)),
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
        _put_on_record(connection, after, change.action, change.why, measured)
    return after


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
        )
    )
