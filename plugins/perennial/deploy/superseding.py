"""A new candidate in the middle of another's release: the old one is dropped, and makes way."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from perennial.errors import BusyError
from perennial.keep import release_changes, releases
from perennial.keep.ledger import Ledger
from perennial.keep.release_changes import SETTLE, Change, back
from perennial.keep.releases import UNDER_WAY, Release

TRIES = 100
"""Against a controller that changes the release at the same moment, time and again."""


def make_way(ledger: Ledger, model: str, version: str, at: str) -> Release | None:
    """Drop the candidate under way for `version`; what still holds a slot, None when nothing does.

    Only who is tried is dropped: what is promoted holds both slots for as long as it is armed, and
    a person who paused a release wants to keep it. The slot is free once every gateway has read
    that nobody is tried any more. Twice is the same as once.
    """
    for _ in range(TRIES):
        found = releases.under_way(ledger, model)
        try:
            if found is not None and found.state == "rolling_back":
                _settle(found)
                over = Change("rolled_back", "rolled back", found.why, step=found.step)
                release_changes.transition(ledger, found, over, "deploy")
                return None
            if found is None or found.state not in UNDER_WAY or found.paused_at is not None:
                _settle(next(iter(releases.of_model(ledger, model, limit=1)), None))
                return found
            why = f"superseded by {version}, for the night of {at}"
            release_changes.transition(ledger, found, back(found, why, "supersede"), "deploy")
        except BusyError:  # the controller was faster: look again
            continue
    raise BusyError(f"the release of {model} changes too often to make way for {version}")


def _settle(release: Release | None) -> None:
    if release is None or release.state not in ("rolling_back", "rolled_back"):
        return
    age = datetime.now(UTC) - datetime.fromisoformat(release.state_since)
    left = min(SETTLE, SETTLE - age)  # a clock set back must not hold it
    if left.total_seconds() > 0:
        time.sleep(left.total_seconds())
