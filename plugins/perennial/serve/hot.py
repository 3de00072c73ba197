"""The short way: POSTs to known paths are answered here, before any router looks at them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from perennial.serve.refusals import RefusedError, refusal

Answer = Callable[[bytes], Awaitable[bytes]]
"""From a body to the JSON that answers it; `RefusedError` where it is refused."""

JSON = (b"content-type", b"application/json")


class Hot:
    """ASGI application: answers POSTs to the paths of `answers`; the rest goes to `app`.

    It stands behind `Limits`, which hands it whole bodies, and behind everything else that looks
    at each request.
    """

    def __init__(self, answers: Mapping[str, Answer], app: ASGIApp) -> None:
        self._answers, self._app = dict(answers), app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or pass on."""
        answer = self._answers.get(scope["path"]) if scope["type"] == "http" else None
        if answer is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        message = await receive()
        try:
            body = await answer(message["body"])
        except RefusedError as error:
            await refusal(error)(scope, receive, send)
            return
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [JSON, length]})
        await send({"type": "http.response.body", "body": body})


async def wrong_method(_: Request) -> Response:
    """Stands in the router for a hot path, so that other methods are refused as everywhere."""
    raise HTTPException(405)
