"""The front of every server: POSTs go the short way, bounded; heads do not leave alone."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Receive, Scope, Send

from perennial.serve.corking import Corked
from perennial.serve.worker import Front

from .conftest import Asker


def saying(text: bytes, until: asyncio.Event | None = None) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if until is not None:
            await until.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text})

    return app


def test_posts_go_to_ours_and_all_else_to_theirs() -> None:
    asker = Asker(Front(saying(b"ours"), saying(b"theirs")))
    assert asker.post("/metrics", {}).body == b"ours"
    assert [asker.ask(verb, "/", b"", None).body for verb in ("GET", "PUT", "DELETE")] == [
        b"theirs"
    ] * 3
    asker.runner.close()


def test_more_at_once_than_it_bears_are_told_to_come_again() -> None:
    async def run() -> list[int]:
        may_end = asyncio.Event()
        asker = Asker(Front(saying(b"", may_end), saying(b""), most=2))
        tasks = [
            asyncio.create_task(asker.asked("POST", "/", b"{}", "application/json"))
            for _ in range(4)
        ]
        await asyncio.sleep(0)
        may_end.set()
        replies = await asyncio.gather(*tasks)
        assert [reply.headers.get("retry-after") for reply in replies[2:]] == ["1", "1"]
        after = await asker.asked("POST", "/", b"{}", "application/json")
        return [reply.status for reply in (*replies, after)]

    assert asyncio.run(run()) == [200, 200, 503, 503, 200]


class Kernel:
    """A transport that remembers what it was given."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.is_closed = True


def test_head_and_body_leave_together_and_a_head_alone_does_not_stay() -> None:
    async def run() -> list[bytes]:
        kernel: Any = Kernel()
        corked = Corked(kernel)
        corked.write(b"HTTP/1.1 200 OK\r\n\r\n")
        corked.write(b"body")
        corked.write(b"more")
        await asyncio.sleep(0)
        corked.write(b"HTTP/1.1 204 \r\n\r\n")
        await asyncio.sleep(0)
        corked.write(b"HTTP/1.1 100 \r\n\r\n")
        corked.close()
        assert kernel.is_closed
        written: list[bytes] = kernel.written
        return written

    assert asyncio.run(run()) == [
        b"HTTP/1.1 200 OK\r\n\r\nbody",
        b"more",
        b"HTTP/1.1 204 \r\n\r\n",
        b"HTTP/1.1 100 \r\n\r\n",
    ]
