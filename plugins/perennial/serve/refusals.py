"""Answers to what cannot be answered: one shape for every refusal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from perennial.serve.metrics import REFUSALS

MOST_TOLD = 20
"""So many mistakes are told at once."""
MOST_CHARACTERS = 100


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


def refusal(error: RefusedError, headers: dict[str, str] | None = None) -> Response:
    """The HTTP response of a refusal, which is also counted."""
    REFUSALS.labels(error.code).inc()
    headers = dict(headers or {})
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    body = {"code": error.code, "message": error.message, "mistakes": error.mistakes}
    return Response(
        orjson.dumps({"error": body}),
        status_code=error.status,
        headers=headers,
        media_type="application/json",
    )


async def http_refusal(_: Request, error: Exception) -> Response:
    """The response where no route matches the path or the method."""
    assert isinstance(error, HTTPException)
    code = {404: "unknown_path", 405: "wrong_method"}.get(error.status_code, "http")
    return refusal(RefusedError(error.status_code, code, error.detail), dict(error.headers or {}))


def from_validation(error: ValidationError, what: str, known: Iterable[str] = ()) -> RefusedError:
    """Pydantic's mistakes as a 422 that names field, what was found and what is allowed."""
    found = error.errors(include_url=False, include_context=False)
    mistakes = [
        {
            "field": ".".join(printable(str(part)) for part in each["loc"]) or "body",
            "found": _short(each["input"]) if each["type"] != "missing" else None,
            "allowed": _allowed(each["type"], each["msg"], known),
        }
        for each in found[:MOST_TOLD]
    ]
    if any(each["type"] == "json_invalid" for each in found):
        return RefusedError(400, "malformed", f"{what} is not valid JSON", mistakes)
    more = f" ({len(found)} mistakes, the first {MOST_TOLD} of them)"
    return RefusedError(
        422,
        "invalid",
        f"{what} does not have the declared form{more if len(found) > MOST_TOLD else ''}",
        mistakes,
    )


def printable(text: str) -> str:
    """Text of a caller, short enough to be told back, in valid Unicode."""
    short = text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 3] + "..."
    return short.encode("utf-8", "backslashreplace").decode()


def _allowed(kind: str, message: str, known: Iterable[str]) -> str:
    match kind:
        case "missing":
            return "the field is required"
        case "extra_forbidden":
            return f"no such field is declared (these are: {', '.join(known)})"
        case "string_pattern_mismatch" if "x00" in message:
            return "text without NUL characters"
    return message.removeprefix("Input should be ").removeprefix("Value error, ")


def _short(found: Any) -> Any:
    match found:
        case None | bool():
            return found
        case int() if abs(found) <= 2**53:  # what every JSON reader can tell exactly
            return found
        case float() if math.isfinite(found):
            return found
        case str():
            return printable(found)
        case bytes():
            return printable(found[: MOST_CHARACTERS + 1].decode("utf-8", "backslashreplace"))
    return printable(repr(found))
