"""Kept-alive connections to one server, as lean as HTTP allows: a question out, an answer in.

Only what our own servers say is understood: a status, a body whose length is told. Everything else
ends the connection, and so does an answer that nobody waits for any more.
"""

from __future__ import annotations

import asyncio
import re
from typing import cast

MAX_HEAD_BYTES = 65_536
MOST_IDLE = 64
"""Kept connections; more are opened when they are needed, and closed again after their answer."""
IDLE_SECONDS = 60.0
"""Our servers keep a connection for 75."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})[ \r]")


class AnswerError(Exception):
    """What came is no answer that can be taken."""


class Connection(asyncio.Protocol):
    """One connection; it has at most one question under way."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.idle_since = 0.0
        self._forget()

    @property
    def is_open(self) -> bool:
        """Whether another question can be sent."""
        return self._transport is not None

    async def ask(self, question: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a whole HTTP request.

        Raises OSError when the connection is lost, `AnswerError` for what is no answer of ours.
        Whoever gives up waiting closes the connection by it.
        """
        if self._transport is None:
            raise ConnectionResetError
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(question)
        try:
            return await self._answer
        except BaseException:  # also when the caller is cancelled: a late answer is no other's
            self.close()
            raise
        finally:
            self._answer = None

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no class of asyncio's

    def data_received(self, data: bytes) -> None:
        """Some bytes of an answer; bytes that nobody asked for end the connection."""
        if self._answer is None or self._answer.done():
            self.close()
            return
        self._came += data
        try:
            if not self._body_at and not self._read_head():
                return
        except AnswerError as error:
            self._fail(error)
            return
        whole = self._body_at + self._length
        if len(self._came) > whole:
            self._fail(AnswerError("more came than the answer's length"))
        elif len(self._came) == whole:
            answer, body = self._answer, bytes(self._came[self._body_at :])
            if self._is_last:
                self.close()
            status = self._status
            self._forget()
            answer.set_result((status, body))

    def connection_lost(self, error: Exception | None) -> None:
        """The server has hung up."""
        self._transport = None
        self._fail(error or ConnectionResetError("it hung up"))

    def _read_head(self) -> bool:
        """Whether the head is whole; then it is understood."""
        end = self._came.find(b"\r\n\r\n")
        if end < 0:
            if len(self._came) > MAX_HEAD_BYTES:
                raise AnswerError("its head is too long")
            return False
        head = bytes(self._came[: end + 2])
        told, length = _STATUS.match(head), _LENGTH.search(head)
        if told is None:
            raise AnswerError("it is not HTTP")
        self._status = int(told[2])
        self._is_last = told[1] == b"0" or _CLOSES.search(head) is not None
        if length is None or int(length[1]) > self._most_bytes:
            if self._status != 200:  # the status says enough
                self._is_last, self._length = True, len(self._came) - end - 4
            else:
                raise AnswerError("it is too long, or does not say how long")
        else:
            self._length = int(length[1])
        self._body_at = end + 4
        return True

    def _fail(self, error: Exception) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _forget(self) -> None:
        self._came = bytearray()
        self._body_at = self._length = self._status = 0
        self._is_last = False


class Connections:
    """Connections by address: kept ones first, the last used before the others."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._idle: dict[tuple[str, int], list[Connection]] = {}

    async def ask(self, host: str, port: int, question: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; see `Connection.ask`."""
        loop = asyncio.get_running_loop()
        idle = self._idle.setdefault((host, port), [])
        connection = None
        while idle and connection is None:
            kept = idle.pop()
            if kept.is_open and loop.time() - kept.idle_since < IDLE_SECONDS:
                connection = kept
            else:
                kept.close()
        if connection is None:
            _, connection = await loop.create_connection(
                lambda: Connection(self._most_bytes), host, port
            )
        said = await connection.ask(question)
        if connection.is_open and len(idle) < MOST_IDLE:
            connection.idle_since = loop.time()
            idle.append(connection)
        else:
            connection.close()
        return said

    def close(self) -> None:
        """Close the kept ones."""
        for idle in self._idle.values():
            for each in idle:
                each.close()
        self._idle.clear()
