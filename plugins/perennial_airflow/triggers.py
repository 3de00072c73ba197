"""Waits for the end of a release without holding a worker: the controller runs it, not Airflow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

LANES = {"promoted": "promoted", "done": "promoted", "rolled_back": "rolled_back"}
"""Which branch a night takes when its release is in this state; all others are under way."""


def state_of(release_id: int) -> tuple[str, str]:
    """The release's state in the ledger, and why."""
    from perennial.declare.project import Project
    from perennial.keep import releases
    from perennial.keep.ledger import Ledger

    found = releases.find(Ledger.of(Project.find()), release_id)
    return found.state, found.why


class ReleaseTrigger(BaseTrigger):
    """Fires once the release has been promoted or rolled back."""

    def __init__(self, release_id: int, poll_seconds: float = 1.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        self.release_id = release_id
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How another process makes this trigger again."""
        return (
            "perennial_airflow.triggers.ReleaseTrigger",
            {"release_id": self.release_id, "poll_seconds": self.poll_seconds},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look every `poll_seconds`; a ledger that does not answer is asked again."""
        while True:
            try:
                state, why = await asyncio.to_thread(state_of, self.release_id)
            except OSError as error:
                self.log.warning("the ledger does not answer: %s", error)
            else:
                if state in LANES:
                    yield TriggerEvent({"state": state, "why": why})  # type: ignore[no-untyped-call]
                    return
            await asyncio.sleep(self.poll_seconds)
