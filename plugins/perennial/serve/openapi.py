"""The gateway's OpenAPI document, built from the declared models and sources."""

from __future__ import annotations

from typing import Any

from perennial.serve.answers import ANSWER, EXPLAINED, POSTED, RANKED, REFUSAL, SEEN, TOLD
from perennial.serve.forms import Form
from perennial.serve.ranking import FEWEST

_STATUS = {
    "400": "Not JSON.",
    "408": "The body did not come in time.",
    "413": "The body is too large.",
    "415": "The body is not declared as JSON.",
    "422": "A field is wrong; `mistakes` names it, what was found and what is allowed.",
    "503": "Nothing can answer now; try again after Retry-After seconds.",
}


def document(questions: dict[str, Form], labels: dict[str, Form], events: dict[str, Form]) -> Any:
    """OpenAPI 3.1: /predict, /explain and /feedback per model, /events per source."""
    schemas: dict[str, Any] = {"Answer": ANSWER, "Explained": EXPLAINED, "Refusal": REFUSAL}
    paths: dict[str, Any] = {}
    for model, form in questions.items():
        body = _body(form, schemas)
        for verb, summary, answer in (
            ("predict", "Ask for a prediction", _one_or_many("Answer", form.most)),
            ("explain", "Ask why", _one_or_many("Explained", form.most)),
        ):
            _both(paths, verb, model, len(questions) == 1, (summary, body, answer))
        ranking = ("Ask for a ranking of the items of one query", _query(form), RANKED)
        _both(paths, "rank", model, len(questions) == 1, ranking)
    for model, form in labels.items():
        told = ("Tell what came true", _body(form, schemas), TOLD)
        _both(paths, "feedback", model, len(labels) == 1, told)
    for source, form in events.items():
        summary = f"Post what happened: rows of {source}"
        paths[f"/events/{source}"] = {
            "post": _post(summary, f"events_{source}", _body(form, schemas), POSTED),
            "get": {
                "summary": f"How far the events of {source} have come",
                "operationId": f"seen_{source}",
                "responses": {"200": {"description": "Told.", "content": _json(SEEN)}},
            },
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Perennial gateway", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _both(
    paths: dict[str, Any], verb: str, model: str, is_only: bool, told: tuple[str, Any, Any]
) -> None:
    """The path that names the model, and the one that need not where there is only one."""
    summary, body, answer = told
    paths[f"/{verb}/{model}"] = {"post": _post(summary, f"{verb}_{model}", body, answer)}
    if is_only:
        paths[f"/{verb}"] = {"post": _post(summary, verb, body, answer)}


def _body(form: Form, schemas: dict[str, Any]) -> dict[str, Any]:
    schemas[form.name] = form.schema()
    return _one_or_many(form.name, form.most)


def _query(form: Form) -> Any:
    one = {"$ref": f"#/components/schemas/{form.name}"}
    return {"type": "array", "items": one, "minItems": FEWEST, "maxItems": form.most}


def _one_or_many(name: str, most: int) -> dict[str, Any]:
    one = {"$ref": f"#/components/schemas/{name}"}
    return {"oneOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": most}]}


def _post(summary: str, operation: str, body: Any, answer: Any) -> dict[str, Any]:
    refused = _json({"$ref": "#/components/schemas/Refusal"})
    responses: dict[str, Any] = {
        status: {"description": text, "content": refused} for status, text in _STATUS.items()
    }
    responses["503"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    responses["200"] = {"description": "Answered.", "content": _json(answer)}
    return {
        "summary": summary,
        "operationId": operation,
        "requestBody": {"required": True, "content": _json(body)},
        "responses": responses,
    }


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
