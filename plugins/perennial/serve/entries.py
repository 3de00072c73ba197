"""What the journal of predictions holds: answers, copies to a challenger, and failures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from perennial.serve.arms import Arm, Asked
from perennial.serve.questions import Question
from perennial.serve.refusals import RefusedError

Entry = dict[str, Any]


def answered(asked: Asked, answers: list[dict[str, Any]], release_id: int | None) -> list[Entry]:
    """One entry per answer, in their order, with what it was made from."""
    at = datetime.now(UTC)
    same = {
        "kind": "answer",
        "model": asked.arm.declared.model.name,
        "version": asked.arm.version,
        "variant": asked.arm.variant,
        "slot": asked.arm.slot.slot,
        "release_id": release_id,
        "at": at,
    }
    return [
        {
            **same,
            "latency_ms": asked.waited_ms(row),
            "fallback": asked.fallback_of(row),
            "prediction_id": answer["prediction_id"],
            "asked_at": question.asked_at,
            "request": question.known,
            "features": {name: values[row] for name, values in asked.looked.columns.items()},
            "score": answer["score"],
            "later": answer["later"],
        }
        for row, (question, answer) in enumerate(zip(asked.questions, answers, strict=True))
    ]


def of_query(query_id: str, ranking: Sequence[tuple[Entry, dict[str, Any] | None]]) -> list[Entry]:
    """The entries of one query in their order, each with what another version said of the item.

    All have one moment, so that what each version was asked counts as one request.
    """
    at = ranking[0][0]["at"]
    return [
        {**entry, "at": at, "query_id": query_id, "rank": rank, "other": other}
        for rank, (entry, other) in enumerate(ranking, start=1)
    ]


def copied(
    arm: Arm,
    prediction_ids: list[str],
    scores: list[float] | None,
    why: str | None,
    latencies_ms: Sequence[float],
    release_id: int | None,
) -> list[Entry]:
    """One entry per copied question: what the challenger would have answered, or why it failed."""
    at = datetime.now(UTC)
    return [
        {
            "kind": "shadow",
            "prediction_id": prediction_id,
            "model": arm.declared.model.name,
            "version": arm.version,
            "release_id": release_id,
            "at": at,
            "score": scores[row] if scores else None,
            "why": why,
            "latency_ms": latencies_ms[row],
        }
        for row, prediction_id in enumerate(prediction_ids)
    ]


def failed(
    arm: Arm,
    questions: Sequence[Question],
    error: RefusedError,
    latency_ms: float,
    release_id: int | None,
) -> list[Entry]:
    """One entry for the questions of one arm that nobody answered, at the first one's own time."""
    entry = {
        "kind": "failure",
        "model": arm.declared.model.name,
        "version": arm.version,
        "variant": arm.variant,
        "release_id": release_id,
        "at": datetime.now(UTC),
        "code": error.code,
        "why": error.message,
        "latency_ms": latency_ms,
        "asked_at": questions[0].asked_at,
        "n": len(questions),
    }
    return [entry]
