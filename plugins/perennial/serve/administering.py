"""Releases by HTTP: what a person with an admin key sees and does, with the key on record.

GET  /admin/release/{model}            the newest release and its whole record
POST /admin/release/{model}/{action}   pause, resume, promote or abort; {"why": "…"}
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from perennial.declare.project import Project
from perennial.errors import BusyError, UnavailableError
from perennial.keep.ledger import Ledger
from perennial.keep.release_steering import ACTIONS, Action, Word, steer, story
from perennial.serve.authenticating import CALLER, LOCAL
from perennial.serve.refusals import RefusedError, from_validation, refusal

RETRY_SECONDS = 5


class Asked(BaseModel):
    """The body of an action."""

    model_config = ConfigDict(extra="forbid", strict=True)

    why: str = Field(min_length=1, max_length=300)
    force: bool = False
    """Promote also against a guardrail that failed."""


def routes(project: Project, ledger: Ledger) -> list[Route]:
    """The admin's routes; whoever is let in at the door may use them."""

    async def tell(request: Request) -> Response:
        return _json(await asyncio.to_thread(story, ledger, _model(project, request)))

    async def act(request: Request) -> Response:
        model, action = _model(project, request), _action(request)
        word = _word(request, await request.body())
        await asyncio.to_thread(_steer, project, ledger, model, action, word)
        return _json(await asyncio.to_thread(story, ledger, model))

    return [
        Route("/admin/release/{model}", _told(tell), methods=["GET"]),
        Route("/admin/release/{model}/{action}", _told(act), methods=["POST"]),
    ]


def _told(handler: Callable[[Request], Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    async def told(request: Request) -> Response:
        try:
            return await handler(request)
        except RefusedError as error:
            return refusal(error)
        except SQLAlchemyError:
            why = "the ledger does not answer, so nothing was changed"
            return refusal(RefusedError(503, "unavailable", why, None, RETRY_SECONDS))

    return told


def _steer(project: Project, ledger: Ledger, model: str, action: Action, word: Word) -> None:
    try:
        steer(project, ledger, model, action, word)
    except (UnavailableError, BusyError) as error:
        raise RefusedError(409, "not_now", str(error)) from error


def _model(project: Project, request: Request) -> str:
    name: str = request.path_params["model"]
    if name not in project.models:
        declared = ", ".join(sorted(project.models))
        why = f"no model {name[:100]!r} (declared: {declared})"
        raise RefusedError(404, "unknown_model", why)
    return name


def _action(request: Request) -> Action:
    for action in ACTIONS:
        if action == request.path_params["action"]:
            return action
    raise RefusedError(404, "unknown_action", f"the actions are {', '.join(ACTIONS)}")


def _word(request: Request, body: bytes) -> Word:
    try:
        asked = Asked.model_validate_json(body)
    except ValidationError as error:
        raise from_validation(error, "the body", Asked.model_fields) from error
    caller = request.scope.get(CALLER, LOCAL)
    by = "local caller" if caller == LOCAL else f"key {caller}"
    return Word(f"{by} (gateway)", asked.why, asked.force)


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
