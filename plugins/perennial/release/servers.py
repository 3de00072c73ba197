"""What both versions' servers tell beside their answers: that they are there, and their memory."""

from __future__ import annotations

import time

from perennial.declare.project import Project
from perennial.deploy import waiting
from perennial.keep.ledger import Ledger, Slot
from perennial.keep.releases import Release
from perennial.release.followed import Followed

ASK_SECONDS = 2.0
"""How often a promoted version's server is asked whether it is there."""


class Servers:
    """Finds the slots that a release holds, and asks the servers on them."""

    def __init__(self, project: Project, ledger: Ledger) -> None:
        self._settings, self._ledger = project.settings, ledger

    def answers(self, slot: Slot) -> bool:
        """Whether its server is ready."""
        return waiting.is_ready(slot.port, host=self._settings.host_of(slot.model, slot.slot))

    def new(self, release: Release) -> Slot | None:
        """The slot of the release's version; None when it is not proven there any more."""
        return self._slot(release.model, release.slot, release.version)

    def old(self, release: Release) -> Slot | None:
        """The slot of the version before; None when there is none, or it is not proven any more."""
        return self._slot(release.model, release.stable_slot, release.stable_version)

    def silent_seconds(self, release: Release, followed: Followed) -> float:
        """For how long the promoted server has been silent while the old one answers, in s."""
        now, slot = time.monotonic(), self.new(release)
        if release.state != "promoted" or slot is None or release.stable_slot is None:
            return 0.0
        if now - followed.asked_at >= ASK_SECONDS:
            followed.asked_at = now
            old = self.old(release)
            is_missed = not self.answers(slot) and old is not None and self.answers(old)
            followed.silent_since = (followed.silent_since or now) if is_missed else None
        return now - followed.silent_since if followed.silent_since is not None else 0.0

    def tell_mb(self, release: Release) -> tuple[float | None, float | None]:
        """Megabytes that the servers of the old version and of the new one take."""
        old_mb, new_mb = (
            waiting.memory_mb(each.port, self._settings.host_of(each.model, each.slot))
            if each
            else None
            for each in (self.old(release), self.new(release))
        )
        return old_mb, new_mb

    def _slot(self, model: str, name: str | None, version: str | None) -> Slot | None:
        wanted = (name, version, "proven")
        return next(
            (
                slot
                for slot in self._ledger.slots(model)
                if (slot.slot, slot.version, slot.state) == wanted
            ),
            None,
        )
