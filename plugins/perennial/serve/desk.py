"""Answers questions of one model: split, look up, ask the slots, journal, answer."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep.journal import Journal
from perennial.keep.ledger import Ledger
from perennial.serve import entries
from perennial.serve.answering import answer_of
from perennial.serve.arms import Arms, Asked, milliseconds
from perennial.serve.asking import SlotClient
from perennial.serve.journaling import written, written_or_dropped
from perennial.serve.metrics import ANSWER_SECONDS, ANSWERS, FAILURES, FALLBACKS, MISSING_FEATURES
from perennial.serve.parting import Part, Present, present, split
from perennial.serve.questions import QuestionParser
from perennial.serve.refusals import RefusedError
from perennial.serve.routing import Router
from perennial.serve.shadows import Shadows
from perennial.serve.versions import Versions


class PredictionDesk:
    """Everything that one declared model needs to answer."""

    def __init__(
        self, project: Project, model: Model, ledger: Ledger, client: SlotClient, journal: Journal
    ) -> None:
        self.router = Router(ledger, model.name)
        self.versions = Versions(project, model)
        self._journal = journal
        self._arms = Arms(client)
        self._shadows = Shadows(self._arms, journal)

    @property
    def model(self) -> Model:
        """The declaration by which the version that answers is asked."""
        return self.versions.last.model

    @property
    def parser(self) -> QuestionParser:
        """The parser of its questions."""
        return self.versions.last.parser

    async def answer(self, body: bytes, verb: str) -> Any:
        """The answer to one question, or the list of answers to a batch.

        `verb` is `predict` or `explain`. Every answer is in the journal before it is returned.
        Raises `RefusedError` for a wrong question (4xx) or when nothing can answer (503).
        """
        parser = self.parser
        questions, is_batch = parser.parse(body)
        began = time.perf_counter()
        now = await self._present()
        if self.parser is not parser:  # another version answers now, by other declarations
            questions, is_batch = self.parser.parse(body)
        parts = await self._ask(split(questions, now), now, verb)
        answers = self._answers(parts, len(questions), now)
        ANSWER_SECONDS.labels(self.model.name).observe(time.perf_counter() - began)
        return answers if is_batch else answers[0]

    async def close(self) -> None:
        """Wait a little for what is under way in the background."""
        await self._shadows.close()

    async def _present(self) -> Present:
        found = await present(await self.router.route(), self.versions)
        if found is None:
            raise RefusedError(
                503, "nothing_serves", f"no version of {self.model.name} serves yet", None, 5
            )
        return found

    async def _ask(self, parts: list[Part], now: Present, verb: str) -> list[tuple[Part, Asked]]:
        """What each part's arm says; all are waited for, and the first refusal is raised."""
        if len(parts) == 1:  # no need to pay for tasks
            return [(parts[0], await self._ask_part(parts[0], now, verb))]
        asked = await asyncio.gather(
            *(self._ask_part(part, now, verb) for part in parts), return_exceptions=True
        )
        done = []
        for part, each in zip(parts, asked, strict=True):
            if isinstance(each, BaseException):
                raise each
            done.append((part, each))
        return done

    async def _ask_part(self, part: Part, now: Present, verb: str) -> Asked:
        began = time.perf_counter()
        try:
            return await self._arms.ask_with_fallback(part.arm, now.champion, part.questions, verb)
        except RefusedError as error:
            FAILURES.labels(self.model.name, part.arm.variant, error.code).inc(len(part.rows))
            spent_ms = milliseconds(began)
            made = entries.failed(part.arm, part.questions, error, spent_ms, now.release_id)
            written_or_dropped(self._journal, made, "failure", len(part.questions))
            raise

    def _answers(
        self, parts: list[tuple[Part, Asked]], n: int, now: Present
    ) -> list[dict[str, Any]]:
        """Journal all answers in one append, in the order of the questions; then copy and count."""
        answers: list[dict[str, Any]] = [{}] * n
        made: list[entries.Entry] = [{}] * n
        for part, asked in parts:
            of_part = [answer_of(asked, row) for row in range(len(part.rows))]
            written = entries.answered(asked, of_part, now.release_id)
            for row, answer, entry in zip(part.rows, of_part, written, strict=True):
                answers[row], made[row] = answer, entry
        self._write(made)
        for part, asked in parts:
            self._count(asked)
            if now.challenger and now.shadow and part.arm is now.champion:
                of_part = [answers[row] for row in part.rows]
                self._shadows.copy(asked, of_part, now.challenger, now.shadow, now.release_id)
        return answers

    def _write(self, made: list[entries.Entry]) -> None:
        written(self._journal, made, "answers")

    def _count(self, asked: Asked) -> None:
        name, n = self.model.name, len(asked.questions)
        ANSWERS.labels(name, asked.arm.version, asked.arm.variant).inc(n)
        if asked.fallback:
            FALLBACKS.labels(name, asked.fallback.version).inc(n)
        for views in asked.looked.missing:
            for view in views:
                MISSING_FEATURES.labels(name, view).inc()
