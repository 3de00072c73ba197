"""Bounds on every request before anything reads it: size, content type, time."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perennial.serve.refusals import RefusedError, refusal

MAX_BODY_BYTES = 1_000_000
BODY_SECONDS = 10.0
JSON = "application/json"


class Limits:
    """ASGI middleware: POST bodies are JSON, at most 1 MB, and arrive within ten seconds.

    Anything else is refused before it is parsed: 415 for another content type (a pickle among
    them), 413 for too many bytes (declared or streamed), 408 for a body that does not come.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its whole body, or refuse it."""
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self.app(scope, receive, send)
            return
        try:
            self._check_headers(dict(scope["headers"]))
            body = await asyncio.wait_for(self._read(receive), BODY_SECONDS)
        except TimeoutError:
            error = RefusedError(408, "too_slow", f"the body did not come in {BODY_SECONDS:g} s")
            await refusal(error)(scope, receive, send)
        except RefusedError as error:
            await refusal(error)(scope, receive, send)
        else:
            await self.app(scope, _replay(body, receive), send)

    def _check_headers(self, headers: dict[bytes, bytes]) -> None:
        kind = headers.get(b"content-type", b"").decode("latin-1").split(";")[0].strip().lower()
        if kind != JSON:
            raise RefusedError(
                415, "unsupported", f"content type must be {JSON}, got {kind[:100] or 'none'}"
            )
        length = headers.get(b"content-length", b"0").lstrip(b"0")
        if length.isdigit() and (len(length) > 18 or int(length) > self.max_bytes):
            raise self._too_large()

    async def _read(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RefusedError(400, "disconnected", "the client went away")
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self.max_bytes:
                raise self._too_large()
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    def _too_large(self) -> RefusedError:
        return RefusedError(413, "too_large", f"a body holds at most {self.max_bytes} bytes")


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
