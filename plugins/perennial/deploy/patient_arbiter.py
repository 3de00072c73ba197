"""The supervisor's loop: as BentoML's circus, but patient with what does not run.

BentoML ships circus as `kantoku`, which ends itself as soon as one watcher has no process. That is
right for `bentoml serve`, where it is a failure, and wrong here, where a slot may be empty and a
server may need a moment to come back.

It also goes on listening to the output of a process that was killed, whose pipe is closed. When
another process gets that pipe's number it cannot be listened to, and is never started again.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

from circus.arbiter import Arbiter
from circus.stream.redirector import Redirector
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


class Listener(Redirector):  # type: ignore[misc]  # circus ships no types
    """Listens to pipes, each number to one process: who gets it last has it."""

    _listeners: dict[int, Listener] = {}  # noqa: RUF012  # of all watchers together

    def add_redirections(self, process: Any) -> None:
        """Listen to a process that has just been started."""
        for _, pipe in self.get_process_pipes(process):
            before = self._listeners.get(pipe.fileno())
            if before is not None:  # its pipe is closed, or the number would not be free
                before.remove_fd(pipe.fileno())
            self._listeners[pipe.fileno()] = self
        super().add_redirections(process)

    def hear_out(self, process: Any) -> None:
        """Write down what a process that has ended said last, and listen no more."""
        for name, pipe in self.get_process_pipes(process):
            if pipe.closed or self.pipes.get(pipe.fileno(), (None, None))[1] is not process:
                continue
            os.set_blocking(pipe.fileno(), False)
            while said := pipe.read(self.buffer):
                self.redirect[name]({"data": said, "pid": process.pid, "name": name})
            self.remove_fd(pipe.fileno())


class PatientWatcher(Watcher):  # type: ignore[misc]  # circus ships no types
    """Lets go of the pipes of a process that has ended before they are closed."""

    @property
    def _redirector_class(self) -> type[Listener]:
        return Listener

    def reap_process(self, pid: int, status: int | None = None) -> None:
        """Take note that a process has ended."""
        process = self.processes.get(pid)
        if process is not None and self.stream_redirector is not None:
            self.stream_redirector.hear_out(process)
        super().reap_process(pid, status)


def arbiter(watchers: list[dict[str, Any]], control: str, events: str) -> PatientArbiter:
    """A supervisor of `watchers` (circus' own settings) with its two addresses."""
    found = [PatientWatcher.load_from_config(watcher) for watcher in watchers]
    return PatientArbiter(found, control, events)
