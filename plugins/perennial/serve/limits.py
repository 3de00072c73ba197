"""Bounds on every request before anything reads it: size, content type, time, depth."""

from __future__ import annotations

import asyncio
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perennial.serve.refusals import RefusedError, refusal

MAX_BODY_BYTES = 1_000_000
BODY_SECONDS = 10.0
JSON = "application/json"
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKET = bytes(each for each in range(256) if each not in b"[]{}")


class Limits:
    """ASGI middleware: POST bodies are JSON, bounded, and arrive within ten seconds.

    Anything else is refused before it is parsed: 415 for another content type (a pickle among
    them), 413 for too many bytes (declared or streamed), 408 for a body that does not come, 400
    for one that is nested deeper than `max_depth` (None: no bound here).
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, max_depth: int | None = None
    ) -> None:
        self.app = app
        self.max_bytes, self.max_depth = max_bytes, max_depth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its whole body, or refuse it."""
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self.app(scope, receive, send)
            return
        try:
            self._check_headers(dict(scope["headers"]))
            async with asyncio.timeout(BODY_SECONDS):
                body = await self._read(receive)
            if self.max_depth is not None and is_deeper(body, self.max_depth):
                raise _too_deep(self.max_depth)
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


def is_deeper(body: bytes, most: int) -> bool:
    """Whether JSON is nested deeper than `most`; of other bytes, whether it could be.

    Takes time in proportion to the bytes, whatever they are.

    >>> is_deeper(b'[{"a": [1]}]', 2), is_deeper(b'[{"a": "[[["}]', 2)
    (True, False)
    """
    if body.count(b"[") + body.count(b"{") <= most:
        return False
    depth = 0
    for each in _TEXT.sub(b"", body).translate(None, _NO_BRACKET):
        depth += 1 if each in b"[{" else -1
        if depth > most:
            return True
    return False


def _too_deep(most: int) -> RefusedError:
    mistake = {"field": "body", "found": None, "allowed": f"JSON nested {most} deep at most"}
    return RefusedError(400, "malformed", "the body is nested too deep", [mistake])


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
