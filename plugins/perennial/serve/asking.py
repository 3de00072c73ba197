"""Asks a slot: JSON over kept-alive connections, within a time limit."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from perennial.declare.settings import Settings
from perennial.keep.ledger import Slot
from perennial.serve.connecting import AnswerError, Connections
from perennial.serve.said import SilentError, WrongError

MAX_ANSWER_BYTES = 64_000_000  # no more memory than this for a slot that has gone mad


class SlotClient:
    """One HTTP client for all slots; used in one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connections = Connections(MAX_ANSWER_BYTES)

    async def ask(
        self, slot: Slot, verb: str, columns: dict[str, list[Any]], timeout_ms: float
    ) -> bytes:
        """The slot's answer to `verb` (`predict` or `explain`) for columns of equal length.

        Raises `SilentError` (503) when the slot does not answer in time, `WrongError` (503) when it
        answers with an error.
        """
        body = orjson.dumps({"columns": columns})
        host = self._settings.host_of(slot.model, slot.slot)
        head = (
            f"POST /{verb} HTTP/1.1\r\nHost: {host}:{slot.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                status, said = await self._connections.ask(host, slot.port, head.encode() + body)
        except AnswerError as error:
            raise WrongError(f"the server's answer is wrong: {error}") from error
        except (TimeoutError, OSError) as error:
            raise SilentError(f"the server did not answer ({type(error).__name__})") from error
        if status != 200:
            raise WrongError(f"the server answered {status}")
        return said

    async def close(self) -> None:
        """Close the kept connections."""
        self._connections.close()
