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
from perennial.serve.said import Said, unavailable, understood
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


class Arms:
    """Asks slots, each within its time, and leaves those alone that hang."""

    def __init__(self, client: SlotClient) -> None:
        self._client = client
        self._ejectors: dict[tuple[str, str], Ejector] = {}

    async def ask_with_fallback(
        self, arm: Arm, champion: Arm, questions: Sequence[Question], verb: str
    ) -> Asked:
        """What `arm` answers; when that is the challenger and it fails, what the champion does.

        Both together take no longer than the declared time-out. Raises `RefusedError` 503.
        """
        timeout_ms = champion.declared.model.serve.timeout_ms
        if arm is champion:
            return await self.ask(champion, questions, verb, timeout_ms)
        began = time.perf_counter()
        looked = None
        try:
            looked = look_up(arm.declared, questions)
            limit_ms = timeout_ms * CHALLENGER_SHARE
            asked = await self.ask(arm, questions, verb, limit_ms, looked)
            return replace(asked, latency_ms=milliseconds(began))
        except RefusedError as error:
            why = error.message
        except Exception as error:  # whatever a challenger does, it costs nobody an answer
            logger.exception("challenger %s failed", arm.version)
            why = f"{type(error).__name__}: {error}"
        spent_ms = milliseconds(began)
        left_ms = max(timeout_ms - spent_ms, timeout_ms * (1 - CHALLENGER_SHARE))
        try:
            is_same = arm.declared.features is champion.declared.features
            asked = await self.ask(champion, questions, verb, left_ms, looked if is_same else None)
        except RefusedError as error:
            error.message = f"{error.message}; the challenger before it: {why}"
            raise
        fallback = Fallback(arm.version, why, spent_ms)
        return replace(asked, fallback=fallback, latency_ms=milliseconds(began))

    async def ask(
        self,
        arm: Arm,
        questions: Sequence[Question],
        verb: str,
        timeout_ms: float,
        looked: Looked | None = None,
    ) -> Asked:
        """What one arm answers in time; `RefusedError` 503 otherwise.

        Features are looked up unless they are given.
        """
        began = time.perf_counter()
        ejector = self._ejector(arm)
        if ejector.is_out(timeout_ms / 1000):
            raise unavailable("the server did not answer in time lately and is not asked now")
        looked = looked or look_up(arm.declared, questions)
        looked_ms, sent = milliseconds(began), time.perf_counter()
        try:
            body = await self._client.ask(arm.slot, verb, looked.columns, timeout_ms)
        except RefusedError:
            hangs = milliseconds(sent) >= 0.95 * timeout_ms
            (ejector.timed_out if hangs else ejector.answered)()
            raise
        ejector.answered()
        is_probability = arm.declared.model.task == "binary"
        said = understood(body, len(questions), arm.version, verb == "explain", is_probability)
        return Asked(arm, questions, looked, said, looked_ms, milliseconds(began))

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
