"""Versions that answered once and do not now: they come back only by an explicit record.

A signature says who packaged a version, not that it is still wanted: whoever can put an old pointer
or an old Bento in place of the newest could otherwise bring a version back that was replaced for
its faults. The ledger knows what answered since when; a rollback writes there what answers again.
"""

from __future__ import annotations

from sqlalchemy import func, select

from perennial.errors import IntegrityError
from perennial.keep.ledger import Ledger
from perennial.keep.ledger_tables import audit, routes

ALLOWED = "allow again"


def must_not_be_a_replay(ledger: Ledger, model: str, version: str) -> None:
    """Raises `IntegrityError` for a version that was replaced, unless it was allowed since."""
    newest = select(routes.c.version).where(routes.c.model == model).order_by(routes.c.id.desc())
    last_since = select(func.max(routes.c.since)).where(
        routes.c.model == model, routes.c.version == version
    )
    allowed_at = select(func.max(audit.c.at)).where(
        audit.c.action == ALLOWED, audit.c.subject == f"{model}/{version}"
    )
    with ledger.engine.connect() as connection:
        answers = connection.execute(newest.limit(1)).scalar()
        since = connection.execute(last_since).scalar()
        allowed = connection.execute(allowed_at).scalar()
    if since is None or answers == version or (allowed is not None and allowed >= since):
        return
    raise IntegrityError(
        f"{model} {version} answered from {since} on and was replaced by {answers}: an older "
        "version comes back by `perennial roll-back`, or after `perennial allow-again` with a "
        "reason for the record"
    )


def allow_again(ledger: Ledger, model: str, version: str, actor: str, why: str) -> None:
    """Put on record that a version which was replaced may be deployed again."""
    with ledger.change(ALLOWED, f"{model}/{version}", actor, why=why):
        pass
