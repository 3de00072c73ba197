"""The two arms of a release: asks one for some questions, and the champion when the other fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from perennial.features.online import Looked
from perennial.keep.ledger import Slot
from perennial.serve.asking import SlotClient
from perennial.serve.ejecting import Ejector
from perennial.serve.questions import Question
from perennial.serve.refusals import RefusedError
from perennial.serve.said import Said, SilentError, understood
from perennial.serve.versions import Declared

logger = logging.getLogger(__name__)

CHALLENGER_SHARE = 0.5
"""Of the time-out: so that the champion has time to answer in the place of a challenger."""
MOST_KNOWN = 16

Variant = Literal["champion", "challenger"]


@dataclass(frozen=True)
class Arm:
    """One version that may be asked."""

    variant: Variant
    slot: Slot
    version: str
    declared: Declared


@dataclass(frozen=True)
class Fallback:
    """Why the champion answered a question of the challenger's share."""

    version: str
    why: str
    latency_ms: float


@dataclass(frozen=True)
class Asked:
    """What an arm answered to some questions."""

    arm: Arm
    questions: Sequence[Question]
    looked: Looked
    said: Said
    looked_ms: float
    """How long it took to look the features up; a part of `latency_ms`."""
    latency_ms: float
    fallback: Fallback | None = None
    came_after_ms: Sequence[float] = ()
    """Where several callers were asked for together: per question, how long after the first."""
    queued_ms: float = 0.0
    """How long the first of them waited until they were asked; a part of `latency_ms`."""

    def waited_ms(self, row: int) -> float:
        """From a question's coming to its answer."""
        return self._since_its_own(self.latency_ms, row)

    def queued_of_ms(self, row: int) -> float:
        """How long a question waited for the others."""
        return max(self.queued_ms - self.came_after_ms[row], 0.0) if self.came_after_ms else 0.0

    def fallback_of(self, row: int) -> Fallback | None:
        """Why the champion answered this question, with the time that this one lost."""
        if self.fallback is None or not self.came_after_ms:
            return self.fallback
        lost_ms = self._since_its_own(self.fallback.latency_ms, row)
        return replace(self.fallback, latency_ms=lost_ms)

    def _since_its_own(self, since_the_first_ms: float, row: int) -> float:
        if not self.came_after_ms:
            return since_the_first_ms
        return max(round(since_the_first_ms - self.came_after_ms[row], 3), 0.001)


class Arms:
    """Asks slots, each within its time, and leaves those alone that hang."""

    def __init__(self, client: SlotClient) -> None:
        self._client = client
        self._ejectors: dict[tuple[str, str], Ejector] = {}

    async def ask_with_fallback(
        self,
        arm: Arm,
        champion: Arm,
        questions: Sequence[Question],
        verb: str,
        began: float,
        is_shared: bool = False,
    ) -> Asked:
        """What `arm` answers; when that is the challenger and it fails, what the champion does.

        Both together take no longer than the declared time-out from `began` on, when the first of
        the questions came. Raises `RefusedError` 503. With `is_shared` the questions are of
        several callers, and one of them may be to blame for what is not a server's silence: then
        whatever the challenger does wrong is raised, and each is to be asked for alone.
        """
        timeout_ms = champion.declared.model.serve.timeout_ms
        left_ms = max(timeout_ms - milliseconds(began), 1)
        if arm is champion:
            return await self.ask(champion, questions, verb, left_ms, began=began)
        looked = None
        try:
            looked = look_up(arm.declared, questions)
            limit_ms = left_ms * CHALLENGER_SHARE
            return await self.ask(arm, questions, verb, limit_ms, looked, began)
        except SilentError as error:
            why = error.message
        except RefusedError as error:
            if is_shared:
                raise
            why = error.message
        except Exception as error:  # whatever a challenger does, it costs nobody an answer
            if is_shared:
                raise
            logger.exception("challenger %s failed", arm.version)
            why = f"{type(error).__name__}: {error}"
        spent_ms = milliseconds(began)
        left_ms = max(timeout_ms - spent_ms, timeout_ms * (1 - CHALLENGER_SHARE))
        try:
            is_same = arm.declared.features is champion.declared.features
            known = looked if is_same else None
            asked = await self.ask(champion, questions, verb, left_ms, known, began)
        except RefusedError as error:
            error.message = f"{error.message}; the challenger before it: {why}"
            raise
        return replace(asked, fallback=Fallback(arm.version, why, spent_ms))

    def is_doubtful(self, arm: Arm) -> bool:
        """Whether the server has hung lately, so that no crowd should wait for it."""
        return self._ejector(arm).is_counting

    async def ask(
        self,
        arm: Arm,
        questions: Sequence[Question],
        verb: str,
        timeout_ms: float,
        looked: Looked | None = None,
        began: float | None = None,
    ) -> Asked:
        """What one arm answers in time; `RefusedError` 503 otherwise.

        Features are looked up unless they are given. The latency counts from `began`, or from now.
        """
        now = time.perf_counter()
        ejector = self._ejector(arm)
        if ejector.is_out(timeout_ms / 1000):
            raise SilentError("the server did not answer in time lately and is not asked now")
        looked = looked or look_up(arm.declared, questions)
        looked_ms, sent = milliseconds(now), time.perf_counter()
        try:
            body = await self._client.ask(arm.slot, verb, looked.columns, timeout_ms)
        except RefusedError:
            hangs = milliseconds(sent) >= 0.95 * timeout_ms
            (ejector.timed_out if hangs else ejector.answered)()
            raise
        ejector.answered()
        is_probability = arm.declared.model.task == "binary"
        said = understood(body, len(questions), arm.version, verb == "explain", is_probability)
        latency_ms = milliseconds(now if began is None else began)
        return Asked(arm, questions, looked, said, looked_ms, latency_ms)

    def _ejector(self, arm: Arm) -> Ejector:
        key = (arm.slot.slot, arm.version)
        if key not in self._ejectors:
            if len(self._ejectors) >= MOST_KNOWN:
                self._ejectors.clear()
            self._ejectors[key] = Ejector()
        return self._ejectors[key]


def look_up(declared: Declared, questions: Sequence[Question]) -> Looked:
    """The questions' features; `RefusedError` 503 when they cannot be read."""
    known = {name: [each.known[name] for each in questions] for name in questions[0].known}
    try:
        return declared.features.look_up(known, [each.asked_at for each in questions])
    except Exception as error:  # every online store has errors of its own
        logger.exception("features of %s not read", declared.model.name)
        raise RefusedError(
            503, "features", "the features cannot be read now", retry_after_seconds=1
        ) from error


def milliseconds(since: float) -> float:
    """How long it is since a `time.perf_counter()`."""
    return round((time.perf_counter() - since) * 1000, 3)
