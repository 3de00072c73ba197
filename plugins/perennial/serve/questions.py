"""Questions: what callers send to /predict and /explain, parsed and given their own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from perennial.declare.model import Model
from perennial.serve.fields import Strict, question
from perennial.serve.refusals import RefusedError, from_validation


@dataclass(frozen=True)
class Question:
    """One question: what the caller knows, and the moment at which it counts as asked (UTC)."""

    known: dict[str, Any]
    asked_at: datetime


class QuestionParser:
    """Parses a body with one question (an object) or a batch of them (a list)."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.kind: type[Strict] = question(model.name, model.request.fields)
        self._one = TypeAdapter(self.kind)
        self._many = TypeAdapter(list[self.kind])  # type: ignore[name-defined]  # made at run time

    def parse(self, body: bytes) -> tuple[list[Question], bool]:
        """The questions, and whether the body was a batch; `RefusedError` (4xx) otherwise."""
        is_batch = body.lstrip()[:1] == b"["
        try:
            rows = self._many.validate_json(body) if is_batch else [self._one.validate_json(body)]
        except ValidationError as error:
            raise from_validation(error, "the question") from error
        most = self.model.serve.max_batch
        if not 1 <= len(rows) <= most:
            raise RefusedError(
                422, "batch_size", f"a batch holds 1 to {most} questions, got {len(rows)}"
            )
        return [self._question(row) for row in rows], is_batch

    def _question(self, row: Strict) -> Question:
        known = dict(row)
        asked = self.model.request.asked
        return Question(known, known[asked.field] - timedelta(minutes=asked.minutes_before))


def shown(known: dict[str, Any]) -> dict[str, Any]:
    """A question's fields as JSON shows them (timestamps in ISO 8601)."""
    shown: dict[str, Any] = orjson.loads(orjson.dumps(known, option=orjson.OPT_UTC_Z))
    return shown
