"""Versions that were replaced or rolled back: they come back only by an explicit record.

A signature says who packaged a version, not that it is still wanted: whoever can put an old pointer
or an old Bento in place of the newest could otherwise bring a version back that was replaced for
its faults. The ledger knows what answered since when, and which release went back and why; a
rollback writes there what answers again.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from perennial.errors import IntegrityError
from perennial.keep.ledger import Ledger
from perennial.keep.ledger_tables import audit, releases, routes

ALLOWED = "allow again"
BACK = ("rolling_back", "rolled_back")


def must_not_be_a_replay(ledger: Ledger, model: str, version: str) -> None:
    """Raises `IntegrityError` for a version that was replaced or rolled back.

    Not for the one that answers now, and not for one that was allowed since.
    """
    newest = select(routes.c.version).where(routes.c.model == model).order_by(routes.c.id.desc())
    with ledger.engine.connect() as connection:
        answers = connection.execute(newest.limit(1)).scalar()
        if answers == version:
            return
        allowed = _allowed_at(connection, model, version)
        left = _left(connection, model, version, answers)
    held = [says for at, says in left if allowed is None or allowed < at]
    if held:
        raise IntegrityError(
            f"{model} {version} {' and '.join(held)}: an older version comes back by `perennial "
            "roll-back`, or after `perennial allow-again` with a reason for the record"
        )


def _allowed_at(connection: Connection, model: str, version: str) -> str | None:
    allowed = select(func.max(audit.c.at)).where(
        audit.c.action == ALLOWED, audit.c.subject == f"{model}/{version}"
    )
    return connection.execute(allowed).scalar()


def _left(
    connection: Connection, model: str, version: str, answers: str | None
) -> list[tuple[str, str]]:
    """When and how a version ceased to be wanted, each in words; nothing for one that is new."""
    found = []
    last_since = select(func.max(routes.c.since)).where(
        routes.c.model == model, routes.c.version == version
    )
    if since := connection.execute(last_since).scalar():
        found.append((since, f"answered from {since} on and was replaced by {answers}"))
    last = select(releases).where(releases.c.model == model, releases.c.version == version)
    release = connection.execute(last.order_by(releases.c.id.desc()).limit(1)).first()
    if release is not None and release.state in BACK:
        at, why = release.state_since, release.why
        found.append((at, f"was rolled back at {at} in release {release.id} ({why})"))
    return found


def allow_again(ledger: Ledger, model: str, version: str, actor: str, why: str) -> None:
    """Put on record that a version which was replaced or rolled back may be released again."""
    with ledger.change(ALLOWED, f"{model}/{version}", actor, why=why):
        pass
