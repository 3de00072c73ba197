"""Answers questions of one model: split, look up, ask the slots, journal, answer."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep.journal import Journal
from perennial.keep.ledger import Ledger
from perennial.serve import entries
from perennial.serve.arms import Arm, Arms, Asked, milliseconds
from perennial.serve.asking import SlotClient
from perennial.serve.metrics import ANSWER_SECONDS, ANSWERS, FAILURES, FALLBACKS, MISSING_FEATURES
from perennial.serve.questions import Question, QuestionParser
from perennial.serve.refusals import RefusedError
from perennial.serve.routing import Router
from perennial.serve.shadows import Shadows
from perennial.serve.splitting import place
from perennial.serve.versions import Versions

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Present:
    """Who may be asked, as the route says at one moment."""

    champion: Arm
    challenger: Arm | None
    release_id: int | None
    weight: float
    shadow: float


@dataclass(frozen=True)
class Part:
    """The questions of a request that go to one arm, by their rows."""

    arm: Arm
    rows: list[int]
    questions: Sequence[Question]


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
        present = await self._present()
        if self.parser is not parser:  # another version answers now, by other declarations
            questions, is_batch = self.parser.parse(body)
        parts = await self._ask(_split(questions, present), present, verb)
        answers = self._answers(parts, len(questions), present)
        ANSWER_SECONDS.labels(self.model.name).observe(time.perf_counter() - began)
        return answers if is_batch else answers[0]

    async def close(self) -> None:
        """Wait a little for what is under way in the background."""
        await self._shadows.close()

    async def _present(self) -> Present:
        route = await self.router.route()
        if route is None or route.champion.version is None:
            raise RefusedError(
                503, "nothing_serves", f"no version of {self.model.name} serves yet", None, 5
            )
        version = route.champion.version
        champion = Arm("champion", route.champion, version, await self.versions.champion(version))
        challenger = None
        if route.challenger is not None and route.challenger.version is not None:
            version = route.challenger.version
            if declared := self.versions.challenger(version):
                challenger = Arm("challenger", route.challenger, version, declared)
        return Present(champion, challenger, route.release_id, route.weight, route.shadow)

    async def _ask(
        self, parts: list[Part], present: Present, verb: str
    ) -> list[tuple[Part, Asked]]:
        """What each part's arm says; all are waited for, and the first refusal is raised."""
        if len(parts) == 1:  # no need to pay for tasks
            return [(parts[0], await self._ask_part(parts[0], present, verb))]
        asked = await asyncio.gather(
            *(self._ask_part(part, present, verb) for part in parts), return_exceptions=True
        )
        done = []
        for part, each in zip(parts, asked, strict=True):
            if isinstance(each, BaseException):
                raise each
            done.append((part, each))
        return done

    async def _ask_part(self, part: Part, present: Present, verb: str) -> Asked:
        began = time.perf_counter()
        try:
            return await self._arms.ask_with_fallback(
                part.arm, present.champion, part.questions, verb
            )
        except RefusedError as error:
            n = len(part.rows)
            FAILURES.labels(self.model.name, part.arm.variant, error.code).inc(n)
            made = entries.failed(part.arm, n, error, milliseconds(began), present.release_id)
            try:
                self._journal.append(made)
            except OSError as full:
                logger.warning("failure not journaled: %s", full)
            raise

    def _answers(
        self, parts: list[tuple[Part, Asked]], n: int, present: Present
    ) -> list[dict[str, Any]]:
        """Journal all answers in one append, in the order of the questions; then copy and count."""
        answers: list[dict[str, Any]] = [{}] * n
        made: list[entries.Entry] = [{}] * n
        for part, asked in parts:
            of_part = [_answer(asked, row) for row in range(len(part.rows))]
            written = entries.answered(asked, of_part, present.release_id)
            for row, answer, entry in zip(part.rows, of_part, written, strict=True):
                answers[row], made[row] = answer, entry
        self._write(made)
        for part, asked in parts:
            self._count(asked)
            if present.challenger and present.shadow and part.arm is present.champion:
                of_part = [answers[row] for row in part.rows]
                self._shadows.copy(
                    asked, of_part, present.challenger, present.shadow, present.release_id
                )
        return answers

    def _write(self, made: list[entries.Entry]) -> None:
        try:
            self._journal.append(made)
        except OSError as error:
            raise RefusedError(
                503, "journal", f"answers cannot be journaled now: {error.strerror}", None, 5
            ) from error

    def _count(self, asked: Asked) -> None:
        name, n = self.model.name, len(asked.questions)
        ANSWERS.labels(name, asked.arm.version, asked.arm.variant).inc(n)
        if asked.fallback:
            FALLBACKS.labels(name, asked.fallback.version).inc(n)
        for views in asked.looked.missing:
            for view in views:
                MISSING_FEATURES.labels(name, view).inc()


def _split(questions: list[Question], present: Present) -> list[Part]:
    champion, challenger = present.champion, present.challenger
    rows: dict[bool, list[int]] = {False: [], True: []}
    if challenger is None or not present.weight:
        return [Part(champion, list(range(len(questions))), questions)]
    sticky_by = champion.declared.model.release.sticky_by
    for row, question in enumerate(questions):
        is_challenged = place(present.release_id, question.known, sticky_by) < present.weight
        rows[is_challenged].append(row)
    return [
        Part(arm, of_arm, [questions[row] for row in of_arm])
        for arm, of_arm in ((champion, rows[False]), (challenger, rows[True]))
        if of_arm
    ]


def _answer(asked: Asked, row: int) -> dict[str, Any]:
    model, said = asked.arm.declared.model, asked.said
    answer = {
        "prediction_id": uuid.uuid4().hex,
        "model": model.name,
        "version": said.version,
        "variant": asked.arm.variant,
        "asked_at": asked.questions[row].asked_at,
        "score": said.scores[row],
        "label": _label(model, said.scores[row]),
        "unknown": said.unknown[row],
        "missing": asked.looked.missing[row],
        "later": asked.looked.later[row],
    }
    if said.reasons is not None:
        answer |= {"base": said.base, "reasons": said.reasons[row][: model.serve.n_reasons]}
    return answer


def _label(model: Model, score: float) -> str | None:
    if model.task != "binary":
        return None
    return model.label.positive if score >= model.serve.threshold else model.label.negative
