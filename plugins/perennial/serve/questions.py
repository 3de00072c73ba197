"""Questions: what callers send to /predict and /explain, parsed and given their own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from perennial.declare.model import Model
from perennial.serve.forms import question
from perennial.serve.refusals import RefusedError


@dataclass(frozen=True)
class Question:
    """One question: what the caller knows, and the moment at which it counts as asked (UTC)."""

    known: dict[str, Any]
    asked_at: datetime


class QuestionParser:
    """Parses a body with one question (an object) or a batch of them (a list)."""

    def __init__(self, model: Model, max_rows: int | None = None) -> None:
        most = min(model.serve.max_batch, max_rows or model.serve.max_batch)
        self.form = question(model.name, model.request.fields, most)
        self._asked = model.request.asked

    def parse(self, body: bytes) -> tuple[list[Question], bool]:
        """The questions, and whether the body was a batch; `RefusedError` (4xx) otherwise."""
        rows, is_batch = self.form.parse(body, "the question")
        return [self._question(row) for row in rows], is_batch

    def _question(self, known: dict[str, Any]) -> Question:
        moment = known[self._asked.field]
        if moment is None:
            mistake = {"field": self._asked.field, "found": None, "allowed": "a moment"}
            raise RefusedError(
                422, "invalid", "the question's own time is reckoned from this field", [mistake]
            )
        return Question(known, moment - timedelta(minutes=self._asked.minutes_before))
