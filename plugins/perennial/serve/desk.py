"""Answers questions of one model: look up, ask the champion's slot, journal, answer."""

from __future__ import annotations

import logging
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.features.online import Looked, OnlineFeatures
from perennial.keep.journal import Journal
from perennial.keep.ledger import Ledger, Slot
from perennial.serve.asking import SlotClient
from perennial.serve.metrics import ANSWER_SECONDS, ANSWERS, MISSING_FEATURES
from perennial.serve.questions import Question, QuestionParser, shown
from perennial.serve.refusals import RefusedError
from perennial.serve.routing import Router
from perennial.serve.said import Said, understood

logger = logging.getLogger(__name__)


class PredictionDesk:
    """Everything that one declared model needs to answer."""

    def __init__(
        self, project: Project, model: Model, ledger: Ledger, client: SlotClient, journal: Journal
    ) -> None:
        self._project = project
        self.model = model
        self.parser = QuestionParser(model)
        self.router = Router(ledger, model.name)
        self.features = OnlineFeatures(project, model)
        self._client, self._journal = client, journal
        self._version: str | None = None

    async def answer(self, body: bytes, verb: str) -> Any:
        """The answer to one question, or the list of answers to a batch.

        `verb` is `predict` or `explain`. Every answer is in the journal before it is returned.
        Raises `RefusedError` for a wrong question (4xx) or when nothing can answer (503).
        """
        questions, is_batch = self.parser.parse(body)
        started = time.perf_counter()
        slot = await self.router.champion()
        if slot is None or slot.version is None:
            raise RefusedError(
                503, "nothing_serves", f"no version of {self.model.name} serves yet", None, 5
            )
        if self._follow(slot.version):
            questions, is_batch = self.parser.parse(body)
        looked = self._look_up(questions)
        body = await self._client.ask(slot.port, verb, looked.columns, self.model.serve.timeout_ms)
        is_probability = self.model.task == "binary"
        said = understood(body, len(questions), slot.version, verb == "explain", is_probability)
        answers = [self._answer(each, looked, said, row) for row, each in enumerate(questions)]
        self._write(questions, looked, answers, slot)
        self._count(slot, looked, time.perf_counter() - started)
        return answers if is_batch else answers[0]

    def _follow(self, version: str) -> bool:
        """Read the declarations again when another version answers; whether they were read.

        A new version may need other fields and features than the one before. Declarations that
        cannot be read leave the last good ones in force, and the log says so.
        """
        is_other, self._version = self._version not in (None, version), version
        if not is_other:
            return False
        try:
            project = Project(self._project.root, self._project.settings)
            model = project.model(self.model.name)
            features = OnlineFeatures(project, model)
        except Exception:  # whatever is wrong with new declarations, the old ones go on
            logger.exception("declarations of %s not read, the last ones stay", self.model.name)
            return False
        self.model, self.parser, self.features = model, QuestionParser(model), features
        return True

    def _look_up(self, questions: list[Question]) -> Looked:
        known = {name: [each.known[name] for each in questions] for name in questions[0].known}
        try:
            return self.features.look_up(known, [each.asked_at for each in questions])
        except Exception as error:  # every online store has errors of its own
            logger.exception("features of %s not read", self.model.name)
            raise RefusedError(
                503, "features", "the features cannot be read now", retry_after_seconds=1
            ) from error

    def _answer(self, question: Question, looked: Looked, said: Said, row: int) -> dict[str, Any]:
        score = said.scores[row]
        answer = {
            "prediction_id": uuid.uuid4().hex,
            "model": self.model.name,
            "version": said.version,
            "variant": "champion",
            "asked_at": question.asked_at,
            "score": score,
            "label": self._label(score),
            "unknown": said.unknown[row],
            "missing": looked.missing[row],
            "later": looked.later[row],
        }
        if said.reasons is not None:
            reasons = said.reasons[row][: self.model.serve.n_reasons]
            answer |= {"base": said.base, "reasons": reasons}
        return answer

    def _label(self, score: float) -> str | None:
        if self.model.task != "binary":
            return None
        is_positive = score >= self.model.serve.threshold
        return self.model.label.positive if is_positive else self.model.label.negative

    def _write(
        self, questions: list[Question], looked: Looked, answers: list[dict[str, Any]], slot: Slot
    ) -> None:
        at = datetime.now(UTC)
        entries = [
            {
                **{key: answer[key] for key in ("prediction_id", "model", "version", "variant")},
                "slot": slot.slot,
                "at": at,
                "asked_at": question.asked_at,
                "request": shown(question.known),
                "features": {name: values[row] for name, values in looked.columns.items()},
                "score": answer["score"],
                "later": answer["later"],
            }
            for row, (question, answer) in enumerate(zip(questions, answers, strict=True))
        ]
        try:
            self._journal.append(entries)
        except OSError as error:
            raise RefusedError(
                503, "journal", f"answers cannot be journaled now: {error.strerror}", None, 5
            ) from error

    def _count(self, slot: Slot, looked: Looked, seconds: float) -> None:
        name = self.model.name
        ANSWERS.labels(name, slot.version, "champion").inc(len(looked.missing))
        ANSWER_SECONDS.labels(name).observe(seconds)
        for views in looked.missing:
            for view in views:
                MISSING_FEATURES.labels(name, view).inc()
