"""The supervisor's loop: as BentoML's circus, but patient with what does not run.

BentoML ships circus as `kantoku`, which ends itself as soon as one watcher has no process. That is
right for `bentoml serve`, where it is a failure, and wrong here, where a slot may be empty and a
server may need a moment to come back.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from circus.arbiter import Arbiter
from circus.util import synchronized
from circus.watcher import Watcher
from tornado import gen


class PatientArbiter(Arbiter):  # type: ignore[misc]  # circus ships no types
    """Keeps each watcher's processes running, and goes on when one has none."""

    @synchronized("manage_watchers")  # type: ignore[untyped-decorator]  # circus ships no types
    @gen.coroutine
    def manage_watchers(self) -> Generator[Any, Any, None]:
        """Reap what has ended and start again what should run; called every second."""
        if not self._stopping:
            self.reap_processes()
            yield [watcher.manage_processes() for watcher in self.iter_watchers()]


def arbiter(watchers: list[dict[str, Any]], control: str, events: str) -> PatientArbiter:
    """A supervisor of `watchers` (circus' own settings) with its two addresses."""
    found = [Watcher.load_from_config(watcher) for watcher in watchers]
    return PatientArbiter(found, control, events)
