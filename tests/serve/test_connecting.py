"""What a kept connection takes for an answer, and what it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from perennial.serve.connecting import AnswerError, Connections

QUESTION = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def served(talk: Talk, ask: Callable[[Connections, int], Awaitable[Any]]) -> Any:
    """What `ask` gets from a server that talks like this."""

    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(each, "127.0.0.1", 0)
    connections = Connections(1000)
    try:
        return await ask(connections, server.sockets[0].getsockname()[1])
    finally:
        connections.close()
        server.close()


def asked(*answers: bytes) -> Any:
    """The answer to one question, which comes in these pieces."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in answers:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)

    return asyncio.run(served(talk, lambda them, port: them.ask("127.0.0.1", port, QUESTION)))


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((PLAIN + b"ok",), (200, b"ok")),
        ((PLAIN[:5], PLAIN[5:30], PLAIN[30:] + b"o", b"k"), (200, b"ok")),
        ((b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH:2\r\n\r\nok",), (200, b"ok")),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",), (200, b"")),
        ((b"HTTP/1.0 503 No\r\nContent-Length: 2\r\n\r\nno",), (503, b"no")),
        ((b"HTTP/1.1 204 Nothing\r\n\r\n",), (204, b"")),
    ],
)
def test_an_answer_is_taken_however_it_comes(
    pieces: tuple[bytes, ...], expected: tuple[int, bytes]
) -> None:
    assert asked(*pieces) == expected


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"\x80\x04}q\x00.\r\n\r\n", "not HTTP"),
        (b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nok", "does not say how long"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "not say how long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nok", "too long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok", "does not say how long"),
        (PLAIN + b"ok and more", "more came"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "head is too long"),
    ],
)
def test_what_is_no_answer_of_ours_is_refused(said: bytes, why: str) -> None:
    with pytest.raises(AnswerError, match=why):
        asked(said)


@pytest.mark.parametrize("said", [b"", PLAIN, PLAIN + b"o", b"HTTP/1.1 200"])
def test_a_server_that_hangs_up_is_told(said: bytes) -> None:
    with pytest.raises(OSError):  # noqa: PT011  # which one depends on the kernel's timing
        asked(said)


def test_a_connection_is_kept_and_used_again_until_the_server_closes_it() -> None:
    opened: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        for n in range(3):
            await reader.readuntil(b"\r\n\r\n")
            closes = b"Connection: close\r\n" if n == 2 else b""
            writer.write(b"HTTP/1.1 200 OK\r\n" + closes + b"Content-Length: 2\r\n\r\nok")

    async def ask(connections: Connections, port: int) -> None:
        for _ in range(6):
            assert await connections.ask("127.0.0.1", port, QUESTION) == (200, b"ok")

    asyncio.run(served(talk, ask))
    assert len(opened) == 2


def test_an_answer_that_nobody_waits_for_any_more_is_nobody_else_s() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"slow" in head:
            await asyncio.sleep(0.2)
            writer.write(PLAIN + b"no")
            await writer.drain()
        await reader.read(1)
        writer.write(PLAIN + b"ok")

    async def ask(connections: Connections, port: int) -> Any:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connections.ask("127.0.0.1", port, QUESTION.replace(b"/ ", b"/slow "))
        await asyncio.sleep(0.3)
        return await connections.ask("127.0.0.1", port, QUESTION + b"x")

    assert asyncio.run(served(talk, ask)) == (200, b"ok")
