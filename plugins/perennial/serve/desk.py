"""Answers questions of one model: split, look up, ask the slots, journal, answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep.journal import Journal
from perennial.keep.ledger import Ledger, Route
from perennial.serve.arms import Arm, Arms, Asked, milliseconds
from perennial.serve.asking import SlotClient
from perennial.serve.joining import Joint, Waiting
from perennial.serve.metrics import ANSWER_SECONDS
from perennial.serve.parting import Part, Present, present, split
from perennial.serve.questions import Question, QuestionParser
from perennial.serve.ranking import FEWEST, Rankings
from perennial.serve.recording import Records
from perennial.serve.refusals import RefusedError
from perennial.serve.routing import Router
from perennial.serve.said import SilentError
from perennial.serve.versions import Versions

MOST_JOINED = 8
"""Rows of a request that is asked together with others'; a larger one goes by itself."""


class PredictionDesk:
    """Everything that one declared model needs to answer."""

    def __init__(
        self, project: Project, model: Model, ledger: Ledger, client: SlotClient, journal: Journal
    ) -> None:
        self.router = Router(ledger, model.name)
        self.versions = Versions(project, model)
        self._arms = Arms(client)
        self._records = Records(model.name, self._arms, journal)
        self._rankings = Rankings(self._arms, self._records)
        self._seconds = ANSWER_SECONDS.labels(model.name)
        self._now: Present | None = None
        self._route: Route | None = None
        self._joints: dict[str, Joint] = {}

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
        questions, is_batch, came, now = await self._parsed(body)
        parts = split(questions, now)
        if verb == "predict" and self._is_joined(parts, questions, now):
            answers = await self._joints[parts[0].arm.variant].answers(questions, came)
        else:
            asked = await self._ask(parts, now, verb, came)
            answers = self._records.answered(asked, len(questions), now)
        self._seconds.observe(time.perf_counter() - came)
        return answers if is_batch else answers[0]

    async def rank(self, body: bytes) -> Any:
        """The items of one query, the best first; refuses as `answer` does."""
        questions, is_batch, came, now = await self._parsed(body)
        if not is_batch or len(questions) < FEWEST:
            found = f"a list of {len(questions)}" if is_batch else "one object"
            raise RefusedError(
                422, "batch_size", f"a query is a list of {FEWEST} items or more, got {found}"
            )
        answer = await self._rankings.answer(questions, now, came)
        self._seconds.observe(time.perf_counter() - came)
        return answer

    async def close(self) -> None:
        """Wait a little for what is under way in the background."""
        await self._records.close()

    async def _parsed(self, body: bytes) -> tuple[list[Question], bool, float, Present]:
        """What is asked, whether it is a list, when it was known, and who may be asked."""
        parser = self.parser
        questions, is_batch = parser.parse(body)
        came = time.perf_counter()
        now = await self._present()
        if self.parser is not parser:  # another version answers now, by other declarations
            questions, is_batch = self.parser.parse(body)
        return questions, is_batch, came, now

    async def _present(self) -> Present:
        route = await self.router.route()
        if route is not None and route is self._route and self._now and self._is_still(self._now):
            return self._now
        found = await present(route, self.versions)
        if found is None:
            raise RefusedError(
                503, "nothing_serves", f"no version of {self.model.name} serves yet", None, 5
            )
        self._now, self._route = found, route
        arms = [arm for arm in (found.champion, found.challenger) if arm is not None]
        self._joints = {arm.variant: Joint(partial(self._join, arm, found)) for arm in arms}
        return found

    def _is_still(self, now: Present) -> bool:
        """Whether the arms are still asked by the declarations with which they were found."""
        assert self._route is not None
        if self._route.challenger is not None and now.challenger is None:
            return False  # its declarations are being read
        arms = (now.champion, now.challenger)
        return all(arm is None or self.versions.has(arm.version, arm.declared) for arm in arms)

    def _is_joined(self, parts: list[Part], questions: Sequence[Question], now: Present) -> bool:
        """Whether these may be asked with others': few, for one arm, whose server is well."""
        return (
            len(parts) == 1
            and len(questions) <= MOST_JOINED
            and now is self._now
            and not self._arms.is_doubtful(parts[0].arm)
        )

    async def _join(self, arm: Arm, now: Present, together: list[Waiting]) -> None:
        """Ask for several callers at once, and answer or fail each of them."""
        questions = [question for each in together for question in each.questions]
        first, is_shared = together[0].came, len(together) > 1
        queued_ms = milliseconds(first)
        try:
            asked = await self._arms.ask_with_fallback(
                arm, now.champion, questions, "predict", first, is_shared
            )
            after = [1000 * (each.came - first) for each in together for _ in each.questions]
            asked = replace(asked, came_after_ms=after, queued_ms=queued_ms)
            part = Part(arm, list(range(len(questions))), questions)
            answers = self._records.answered([(part, asked)], len(questions), now)
        except RefusedError as error:
            if is_shared and not isinstance(error, SilentError) and error.code != "journal":
                await self._apart(arm, now, together)
                return
            parts = [Part(arm, list(range(len(e.questions))), e.questions) for e in together]
            spent = [milliseconds(each.came) for each in together]
            if error.code != "journal":
                self._records.failed(list(zip(parts, spent, strict=True)), error, now)
            for each in together:
                each.fail(error)
        except Exception:
            if not is_shared:
                raise
            await self._apart(arm, now, together)
        else:
            row = 0
            for each in together:
                each.answer(answers[row : row + len(each.questions)])
                row += len(each.questions)

    async def _apart(self, arm: Arm, now: Present, together: list[Waiting]) -> None:
        """One of them may be to blame: ask for each alone, so that it spoils no other's answer."""

        async def alone(each: Waiting) -> None:
            part = Part(arm, list(range(len(each.questions))), each.questions)
            try:
                asked = await self._ask([part], now, "predict", each.came)
                each.answer(self._records.answered(asked, len(each.questions), now))
            except Exception as error:  # noqa: BLE001  # whatever it is, its own caller is told
                each.fail(error)

        await asyncio.gather(*(alone(each) for each in together))

    async def _ask(
        self, parts: list[Part], now: Present, verb: str, came: float
    ) -> list[tuple[Part, Asked]]:
        """What each part's arm says; all are waited for, and the first refusal is raised."""
        if len(parts) == 1:  # no need to pay for tasks
            return [(parts[0], await self._ask_part(parts[0], now, verb, came))]
        asked = await asyncio.gather(
            *(self._ask_part(part, now, verb, came) for part in parts), return_exceptions=True
        )
        done = []
        for part, each in zip(parts, asked, strict=True):
            if isinstance(each, BaseException):
                raise each
            done.append((part, each))
        return done

    async def _ask_part(self, part: Part, now: Present, verb: str, came: float) -> Asked:
        try:
            return await self._arms.ask_with_fallback(
                part.arm, now.champion, part.questions, verb, came
            )
        except RefusedError as error:
            self._records.failed([(part, milliseconds(came))], error, now)
            raise
