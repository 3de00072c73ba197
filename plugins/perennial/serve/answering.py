"""What a caller is told: one answer, from what an arm said."""

from __future__ import annotations

import os
from typing import Any

from perennial.declare.model import Model
from perennial.serve.arms import Asked


def answer_of(asked: Asked, row: int) -> dict[str, Any]:
    """The answer to one row, under an id of its own."""
    model, said = asked.arm.declared.model, asked.said
    answer = {
        "prediction_id": os.urandom(16).hex(),
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
