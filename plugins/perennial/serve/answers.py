"""What the gateway answers, as JSON schemas for its OpenAPI document."""

from __future__ import annotations

from typing import Any


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _list(items: dict[str, Any], description: str) -> dict[str, Any]:
    return {"type": "array", "items": items, "description": description}


TEXT = {"type": "string"}

_ANSWERED = {
    "prediction_id": {**TEXT, "description": "Names this answer in the journal of predictions."},
    "model": TEXT,
    "version": {**TEXT, "description": "The model version that answered."},
    "variant": {
        **TEXT,
        "enum": ["champion", "challenger"],
        "description": "Whether the version that serves answered, or one that is being released.",
    },
    "asked_at": {**TEXT, "format": "date-time", "description": "The question's own time (UTC)."},
    "score": {"type": "number", "description": "binary: probability; regression: the answer."},
    "label": {"type": ["string", "null"], "description": "binary: the score in words."},
    "unknown": _list(
        _object({"field": TEXT, "value": {}}),
        "Values the model has never seen; it answered as for an unknown one.",
    ),
    "missing": _list(TEXT, "Feature views that hold nothing (or nothing fresh) for this question."),
    "later": _list(TEXT, "Feature views whose values are from after the question's own time."),
}

_REASON = _object(
    {
        "feature": TEXT,
        "value": {},
        "contribution": {"type": "number", "description": "What it adds to the raw score."},
    }
)

ANSWER = _object(_ANSWERED)

EXPLAINED = _object(
    {
        **_ANSWERED,
        "base": {
            "type": "number",
            "description": "The raw score before anything is known of the row (binary: log-odds).",
        },
        "reasons": _list(_REASON, "Contributions (exact TreeSHAP), the largest first."),
    }
)

RANKED = _object(
    {
        "query_id": {**TEXT, "description": "Names this ranking in the journal of predictions."},
        "model": TEXT,
        "items": _list(
            _object(
                {
                    "rank": {"type": "integer", "description": "1 is the best."},
                    "row": {"type": "integer", "description": "Its place in the query, from 0."},
                    "prediction_id": {**TEXT, "description": "Names this item in /feedback."},
                    "score": {
                        "type": ["number", "null"],
                        "description": "null where two versions made the ranking together.",
                    },
                    "version": {
                        "type": ["string", "null"],
                        "description": "The version that ranked; null where two did together.",
                    },
                    **{name: _ANSWERED[name] for name in ("unknown", "missing", "later")},
                }
            ),
            "The items, the best first.",
        ),
    }
)

TOLD = _object(
    {
        "accepted": {"type": "integer", "description": "How many labels count, or did before."},
        "repeated": {"type": "integer", "description": "How many of these were known already."},
        "conflicting": _list(
            TEXT, "Ids of predictions that have another label, which stays: not accepted."
        ),
        "set_aside": _list(
            TEXT,
            "Ids of predictions whose labels are kept and not used, the key having given too "
            "many today: not accepted, and to be sent again on another day.",
        ),
        "seq": {"type": "integer", "description": "The number of the last journaled label."},
    }
)

POSTED = _object(
    {
        "accepted": {"type": "integer", "description": "How many rows were journaled."},
        "seq": {"type": "integer", "description": "The number of the last of them."},
    }
)

SEEN = _object(
    {
        "seq": {"type": "integer", "description": "The number of the last journaled event."},
        "fresh_seq": {"type": "integer", "description": "The last one that features know."},
    }
)

REFUSAL = _object(
    {
        "error": _object(
            {
                "code": TEXT,
                "message": TEXT,
                "mistakes": _list(
                    _object({"field": TEXT, "found": {}, "allowed": TEXT}), "Each field at fault."
                ),
            }
        )
    }
)
