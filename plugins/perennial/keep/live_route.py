"""Who answers for a model at this moment, and who is tried beside it: one query, one snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, and_, select

from perennial.keep.ledger_tables import OPEN, releases, routes, slots
from perennial.keep.slots import Slot, slot_of


@dataclass(frozen=True)
class Route:
    """Where a model's questions go: to the champion, and in which shares to a challenger."""

    champion: Slot
    since: str
    release_id: int | None
    """The release under way or still armed; evidence is gathered under its number."""
    challenger: Slot | None
    """Who is tried: the new version before promotion, the old one after it. None: nobody."""
    weight: float
    """Share of the questions that the challenger answers, 0 to 1."""
    shadow: float
    """Share of the champion's questions that the challenger answers too, unseen, 0 to 1."""
    is_interleaved: bool = False
    """Whether `weight` is the share of rankings that both make together, and not of questions."""


def live_route(engine: Engine, model: str) -> Route | None:
    """The present route of `model`, None when nothing serves.

    A challenger whose slot is not proven with the release's version is none. Route and release
    change in one transaction and are read in one query, so that they always fit each other.
    """
    newest = (
        select(routes)
        .where(routes.c.model == model)
        .order_by(routes.c.id.desc())
        .limit(1)
        .subquery("newest")
    )
    under_way = and_(releases.c.model == newest.c.model, releases.c.state.in_(OPEN))
    reserved = slots.c.model == newest.c.model
    query = (
        select(
            slots,
            newest.c.slot.label("champion_slot"),
            newest.c.since,
            releases.c.id.label("release_id"),
            releases.c.state.label("release_state"),
            releases.c.kind.label("release_kind"),
            releases.c.version.label("release_version"),
            releases.c.slot.label("release_slot"),
            releases.c.stable_version,
            releases.c.stable_slot,
            releases.c.weight,
            releases.c.shadow,
        )
        .select_from(newest)
        .join(slots, reserved)
        .outerjoin(releases, under_way)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    champion = next((row for row in rows if row.slot == row.champion_slot), None)
    if champion is None:
        return None
    is_promoted = champion.release_state == "promoted"
    wanted = (
        (champion.stable_slot, champion.stable_version)
        if is_promoted
        else (champion.release_slot, champion.release_version)
    )
    shares = (champion.weight or 0.0, champion.shadow or 0.0)
    tried = next(
        (row for row in rows if (row.slot, row.version, row.state) == (*wanted, "proven")), None
    )
    if tried is None or not any(shares) or tried.slot == champion.slot:
        return Route(slot_of(champion), str(champion.since), champion.release_id, None, 0.0, 0.0)
    is_interleaved = champion.release_kind == "interleave"
    found = slot_of(champion), str(champion.since), champion.release_id, slot_of(tried)
    return Route(*found, *shares, is_interleaved)
