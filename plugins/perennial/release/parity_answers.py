"""Journaled answers, as far as they can be compared: typed fields, and when they were asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from perennial.declare.model import Model
from perennial.features.parity_given import GivenFeatures
from perennial.features.parity_past import Moment
from perennial.serve.questions import QuestionParser
from perennial.serve.refusals import RefusedError


@dataclass(frozen=True)
class Answered:
    """One journaled answer that can be compared."""

    prediction_id: str
    known: dict[str, Any]
    logged: dict[str, Any]
    moment: Moment


def understood(
    model: Model, features: GivenFeatures, entries: Sequence[dict[str, Any]]
) -> tuple[list[Answered], Counter[str]]:
    """The answers with typed fields; the others are counted by why they are left out."""
    parser, names = QuestionParser(model), set(features.inputs.names)
    found: list[Answered] = []
    left_out: Counter[str] = Counter()
    for entry in entries:
        if set(entry.get("features") or ()) != names:
            left_out["with other features than are declared now"] += 1
            continue
        try:
            ((question,), _) = parser.parse(orjson.dumps(entry["request"]))
        except RefusedError:
            left_out["to questions that the declared form refuses now"] += 1
            continue
        found.append(
            Answered(entry["prediction_id"], question.known, entry["features"], _moment(entry))
        )
    return found, left_out


def _moment(entry: dict[str, Any]) -> Moment:
    at = datetime.fromisoformat(entry["at"])
    took = timedelta(milliseconds=float(entry.get("latency_ms") or 0.0))
    later = frozenset(entry.get("later") or ())
    return Moment(datetime.fromisoformat(entry["asked_at"]), at - took, at, later)
