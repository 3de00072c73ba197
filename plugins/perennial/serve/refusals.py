"""Answers to what cannot be answered: one shape for every refusal."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import ValidationError
from starlette.responses import Response


class RefusedError(Exception):
    """A request that is answered with a 4xx or 503; `mistakes` names each field at fault."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        mistakes: list[dict[str, Any]] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.mistakes = mistakes or []
        self.retry_after_seconds = retry_after_seconds


def refusal(error: RefusedError) -> Response:
    """The HTTP response of a refusal."""
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    body = {"code": error.code, "message": error.message, "mistakes": error.mistakes}
    return Response(
        orjson.dumps({"error": body}, default=str),
        status_code=error.status,
        headers=headers,
        media_type="application/json",
    )


def from_validation(error: ValidationError, what: str) -> RefusedError:
    """Pydantic's mistakes as a 422 that names field, what was found and what is allowed."""
    mistakes = [
        {
            "field": ".".join(str(part) for part in each["loc"]) or "body",
            "found": _short(each["input"]) if each["type"] != "missing" else None,
            "allowed": _allowed(each["type"], each["msg"]),
        }
        for each in error.errors(include_url=False, include_context=False)[:20]
    ]
    malformed = any(each["type"] == "json_invalid" for each in error.errors(include_url=False))
    if malformed:
        return RefusedError(400, "malformed", f"{what} is not valid JSON", mistakes)
    return RefusedError(422, "invalid", f"{what} does not have the declared form", mistakes)


def _allowed(kind: str, message: str) -> str:
    if kind == "missing":
        return "the field is required"
    if kind == "extra_forbidden":
        return "no such field is declared"
    return message.removeprefix("Input should be ").removeprefix("Value error, ")


def _short(found: Any) -> Any:
    if found is None or isinstance(found, bool | int | float):
        return str(found) if isinstance(found, float | int) and abs(found) > 2**53 else found
    text = found if isinstance(found, str) else repr(found)
    return text if len(text) <= 100 else text[:97] + "..."
