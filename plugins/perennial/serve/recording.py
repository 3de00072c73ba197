"""What has been answered or refused: told to the journal first, then counted and copied."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from perennial.keep.journal import Journal
from perennial.serve import entries
from perennial.serve.answering import answer_of
from perennial.serve.arms import Arms, Asked
from perennial.serve.journaling import written, written_or_dropped
from perennial.serve.metrics import ANSWERS, FAILURES, FALLBACKS, MISSING_FEATURES
from perennial.serve.parting import Part, Present
from perennial.serve.refusals import RefusedError
from perennial.serve.shadows import Shadows

logger = logging.getLogger(__name__)


class Records:
    """The journal, the counters and the copies of one model."""

    def __init__(self, model: str, arms: Arms, journal: Journal) -> None:
        self._model, self._journal = model, journal
        self._shadows = Shadows(arms, journal)

    def answered(
        self,
        parts: list[tuple[Part, Asked]],
        n: int,
        now: Present,
        tell: Callable[[list[entries.Entry]], list[entries.Entry]] | None = None,
    ) -> list[dict[str, Any]]:
        """Journal all answers in one append, in the order of the questions; then copy and count.

        `tell` makes of their entries those that are journaled in their place.
        Raises `RefusedError` 503 when they cannot be written; then none of them counts.
        """
        answers: list[dict[str, Any]] = [{}] * n
        made: list[entries.Entry] = [{}] * n
        for part, asked in parts:
            of_part = [answer_of(asked, row) for row in range(len(part.rows))]
            entered = entries.answered(asked, of_part, now.release_id)
            for row, answer, entry in zip(part.rows, of_part, entered, strict=True):
                answers[row], made[row] = answer, entry
        written(self._journal, made if tell is None else tell(made), "answers")
        try:
            self._after(parts, answers, now)
        except Exception:  # they are journaled, so they are told
            logger.exception("answers of %s not counted or copied", self._model)
        return answers

    def failed(self, failed: list[tuple[Part, float]], error: RefusedError, now: Present) -> None:
        """Journal and count the questions that nobody answered, each caller's with its time."""
        made = []
        for part, spent_ms in failed:
            FAILURES.labels(self._model, part.arm.variant, error.code).inc(len(part.rows))
            made += entries.failed(part.arm, part.questions, error, spent_ms, now.release_id)
        n = sum(len(part.rows) for part, _ in failed)
        written_or_dropped(self._journal, made, "failure", n)

    async def close(self) -> None:
        """Wait a little for what is under way in the background."""
        await self._shadows.close()

    def _after(
        self, parts: list[tuple[Part, Asked]], answers: list[dict[str, Any]], now: Present
    ) -> None:
        for part, asked in parts:
            self._count(asked)
            if now.challenger and now.shadow and part.arm is now.champion:
                of_part = [answers[row] for row in part.rows]
                self._shadows.copy(asked, of_part, now.challenger, now.shadow, now.release_id)

    def _count(self, asked: Asked) -> None:
        name, n = self._model, len(asked.questions)
        ANSWERS.labels(name, asked.arm.version, asked.arm.variant).inc(n)
        if asked.fallback:
            FALLBACKS.labels(name, asked.fallback.version).inc(n)
        for views in asked.looked.missing:
            for view in views:
                MISSING_FEATURES.labels(name, view).inc()
