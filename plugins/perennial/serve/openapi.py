"""The gateway's OpenAPI document, built from the declared models and sources."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

REFUSAL = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "mistakes"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "mistakes": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"field": {"type": "string"}, "found": {}, "allowed": {}},
                    },
                },
            },
        }
    },
}

ANSWER = {
    "type": "object",
    "required": ["prediction_id", "model", "version", "variant", "asked_at", "score", "label"],
    "properties": {
        "prediction_id": {"type": "string", "description": "Send it back with /feedback."},
        "model": {"type": "string"},
        "version": {"type": "string", "description": "The model version that answered."},
        "variant": {"type": "string", "description": "champion, or challenger in a release."},
        "asked_at": {"type": "string", "format": "date-time"},
        "score": {"type": "number", "description": "binary: probability; regression: the answer."},
        "label": {"type": ["string", "null"], "description": "binary: the score in words."},
        "unknown": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Values the model has never seen; it answered as for an unknown one.",
        },
        "missing": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Feature views that hold nothing (or nothing fresh) for this question.",
        },
        "reasons": {
            "type": "array",
            "items": {"type": "object"},
            "description": "/explain: contributions (exact TreeSHAP), the largest first.",
        },
    },
}

_STATUS = {
    "400": "Not JSON.",
    "408": "The body did not come in time.",
    "413": "The body is too large.",
    "415": "The body is not declared as JSON.",
    "422": "A field is wrong; `mistakes` names it, what was found and what is allowed.",
    "503": "Nothing can answer now; try again after Retry-After seconds.",
}


def document(questions: dict[str, type[BaseModel]], events: dict[str, type[BaseModel]]) -> Any:
    """OpenAPI 3.1: /predict and /explain per model, /events per source."""
    schemas: dict[str, Any] = {"Answer": ANSWER, "Refusal": REFUSAL}
    paths: dict[str, Any] = {}
    for model, kind in questions.items():
        body = _body(kind, schemas)
        for verb, summary in (("predict", "Ask for a prediction"), ("explain", "Ask why")):
            paths[f"/{verb}/{model}"] = _post(
                summary, f"{verb}_{model}", body, _one_or_many("Answer")
            )
            if len(questions) == 1:
                paths[f"/{verb}"] = _post(summary, verb, body, _one_or_many("Answer"))
    accepted = {
        "type": "object",
        "required": ["accepted", "seq"],
        "properties": {"accepted": {"type": "integer"}, "seq": {"type": "integer"}},
    }
    for source, kind in events.items():
        summary = f"Post what happened: rows of {source}"
        paths[f"/events/{source}"] = _post(
            summary, f"events_{source}", _body(kind, schemas), accepted
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Perennial gateway", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _body(kind: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    schemas[kind.__name__] = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    return _one_or_many(kind.__name__)


def _one_or_many(name: str) -> dict[str, Any]:
    one = {"$ref": f"#/components/schemas/{name}"}
    return {"oneOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _post(summary: str, operation: str, body: Any, answer: Any) -> dict[str, Any]:
    responses: dict[str, Any] = {
        status: {"description": text, "content": _json({"$ref": "#/components/schemas/Refusal"})}
        for status, text in _STATUS.items()
    }
    responses["200"] = {"description": "Answered.", "content": _json(answer)}
    return {
        "post": {
            "summary": summary,
            "operationId": operation,
            "requestBody": {"required": True, "content": _json(body)},
            "responses": responses,
        }
    }


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
