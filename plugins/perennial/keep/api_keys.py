"""API keys: who may ask the gateway for what, and until when. Secrets are kept nowhere.

A token is `<id>.<secret>`; the secret is 256 random bits, shown once. The ledger keeps its SHA-256:
a slow hash (scrypt, bcrypt) makes guessing of words dear, and 256 random bits cannot be guessed at
any price, so that it would only make every request slow.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from perennial.errors import UnavailableError
from perennial.keep.ledger import Ledger
from perennial.keep.ledger_tables import api_keys as table
from perennial.keep.scopes import SCOPES, Scope

USE_SECONDS = 30
"""The gateway writes down the use of a key so long after it; a kill may lose those not written."""


@dataclass(frozen=True)
class ApiKey:
    """One key as the ledger knows it; moments are UTC."""

    id: str
    name: str
    scopes: frozenset[str]
    hash: str
    previous_hash: str | None
    """Of the secret before a rotation, which is good until `previous_until`."""
    previous_until: datetime | None
    created_at: datetime
    expires_at: datetime | None
    """None: never."""
    revoked_at: datetime | None
    last_used: str | None
    """When it was last good for a request, as it was written; None: not yet."""


def hash_of(secret: bytes) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret).hexdigest()


def create(
    ledger: Ledger,
    name: str,
    scopes: Iterable[Scope],
    actor: str,
    expires_in: timedelta | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its token, which nobody can show again. Raises ValueError without a scope."""
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(SCOPES):
        raise ValueError(f"scopes must be some of {', '.join(SCOPES)}, got {wanted}")
    key_id, secret, at = secrets.token_hex(6), secrets.token_urlsafe(32), datetime.now(UTC)
    row = {
        "id": key_id,
        "name": name,
        "scopes": " ".join(wanted),
        "hash": hash_of(secret.encode()),
        "created_at": _told(at),
        "expires_at": _told(at + expires_in) if expires_in else None,
    }
    told = {"name": name, "scopes": wanted, "expires_at": row["expires_at"]}
    with ledger.change("create key", key_id, actor, **told) as connection:
        connection.execute(insert(table).values(**row))
    return find(ledger, key_id), f"{key_id}.{secret}"


def rotate(ledger: Ledger, key_id: str, actor: str, overlap: timedelta) -> str:
    """A new secret for a key, as a token; the one before is good for `overlap` more.

    Rotating again within that time ends the oldest secret at once: two are good, never three.
    Raises `UnavailableError` when there is no such key, or it is revoked or expired.
    """
    key, at = find(ledger, key_id), datetime.now(UTC)
    if key.revoked_at or (key.expires_at and key.expires_at <= at):
        raise UnavailableError(f"key {key_id} is {'revoked' if key.revoked_at else 'expired'}")
    secret, until = secrets.token_urlsafe(32), _told(at + overlap)
    with ledger.change("rotate key", key_id, actor, previous_until=until) as connection:
        changed = connection.execute(
            update(table)
            .where(table.c.id == key_id, table.c.hash == key.hash, table.c.revoked_at.is_(None))
            .values(hash=hash_of(secret.encode()), previous_hash=key.hash, previous_until=until)
        )
        if changed.rowcount != 1:
            raise UnavailableError(f"key {key_id} was changed at this very moment; try again")
    return f"{key_id}.{secret}"


def revoke(ledger: Ledger, key_id: str, actor: str, why: str) -> ApiKey:
    """End a key, for ever. Twice is the same as once. Raises `UnavailableError` without it."""
    if find(ledger, key_id).revoked_at is None:
        with ledger.change("revoke key", key_id, actor, why=why) as connection:
            connection.execute(
                update(table)
                .where(table.c.id == key_id, table.c.revoked_at.is_(None))
                .values(revoked_at=_told(datetime.now(UTC)))
            )
    return find(ledger, key_id)


def find(ledger: Ledger, key_id: str) -> ApiKey:
    """The key with this id. Raises `UnavailableError` when there is none."""
    for key in all_keys(ledger):
        if key.id == key_id:
            return key
    raise UnavailableError(f"there is no key {key_id!r}; `perennial keys list` shows all")


def all_keys(ledger: Ledger) -> list[ApiKey]:
    """Every key there ever was, the oldest first."""
    query = select(table).order_by(table.c.created_at, table.c.id)
    with ledger.engine.connect() as connection:
        return [_key(row) for row in connection.execute(query)]


def note_use(ledger: Ledger, used: Mapping[str, datetime]) -> None:
    """Write down when keys were used last; an earlier moment than the one there changes nothing."""
    is_later = table.c.last_used.is_(None) | (table.c.last_used < bindparam("moment"))
    change = update(table).where(table.c.id == bindparam("key"), is_later)
    moments = {key: at.astimezone(UTC).isoformat(timespec="seconds") for key, at in used.items()}
    if moments:
        rows = [{"key": key, "moment": moment} for key, moment in moments.items()]
        with ledger.engine.begin() as connection:
            connection.execute(change.values(last_used=bindparam("moment")), rows)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=frozenset(row.scopes.split()),
        hash=row.hash,
        previous_hash=row.previous_hash,
        previous_until=_moment(row.previous_until),
        created_at=datetime.fromisoformat(row.created_at),
        expires_at=_moment(row.expires_at),
        revoked_at=_moment(row.revoked_at),
        last_used=row.last_used,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
