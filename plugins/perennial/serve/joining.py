"""Questions of several callers, asked together: nobody waits for company, who comes late rides on.

One call to a slot costs much the same for one row and for ten. So while a call is under way, the
questions that arrive are gathered, and go together as soon as it is over. When nothing is under way
a question goes at once; and when a call takes long, those behind it do not wait for its end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from perennial.serve.questions import Question

MOST_ROWS = 64
"""Of one call."""
PATIENCE_SECONDS = 0.005
"""So long at most for the call under way; a server that hangs costs those behind it no more."""


@dataclass(eq=False, slots=True)
class Waiting:
    """The questions of one caller, who waits for `done`."""

    questions: Sequence[Question]
    came: float
    """By `time.perf_counter()`."""
    done: asyncio.Future[list[dict[str, Any]]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def fail(self, error: BaseException) -> None:
        """Tell the caller, who may have gone away."""
        if not self.done.done():
            self.done.set_exception(error)

    def answer(self, answers: list[dict[str, Any]]) -> None:
        """Tell the caller, who may have gone away."""
        if not self.done.done():
            self.done.set_result(answers)


class Joint:
    """Gathers the questions for one arm. `ask` answers all of some waiting callers, or fails them.

    First come, first asked; nobody is overtaken.
    """

    def __init__(self, ask: Callable[[list[Waiting]], Awaitable[None]]) -> None:
        self._ask = ask
        self._waiting: deque[Waiting] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._impatient: asyncio.TimerHandle | None = None

    async def answers(self, questions: Sequence[Question], came: float) -> list[dict[str, Any]]:
        """The answers to at most `MOST_ROWS` questions, in their order."""
        waiting = Waiting(questions, came)
        self._waiting.append(waiting)
        if not self._under_way:
            self._go()
        elif self._impatient is None:
            self._wait_for_the_call_under_way()
        return await waiting.done

    def _wait_for_the_call_under_way(self) -> None:
        loop = asyncio.get_running_loop()
        self._impatient = loop.call_later(PATIENCE_SECONDS, self._go)

    def _go(self) -> None:
        if self._impatient is not None:
            self._impatient.cancel()
            self._impatient = None
        task = asyncio.get_running_loop().create_task(self._run())
        self._under_way.add(task)
        task.add_done_callback(self._over)

    async def _run(self) -> None:
        together = self._taken()  # only now, so that who came in the same moment comes along
        if not together:
            return
        if self._waiting:
            self._wait_for_the_call_under_way()
        try:
            await self._ask(together)
        except BaseException as error:
            for each in together:
                each.fail(error)
            if not isinstance(error, Exception):
                raise

    def _taken(self) -> list[Waiting]:
        together: list[Waiting] = []
        n_rows = 0
        while self._waiting and (
            not together or n_rows + len(self._waiting[0].questions) <= MOST_ROWS
        ):
            n_rows += len(self._waiting[0].questions)
            together.append(self._waiting.popleft())
        return together

    def _over(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._waiting:
            self._go()
