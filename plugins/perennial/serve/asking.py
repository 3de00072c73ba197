"""Asks a slot: JSON over kept-alive connections, within a time limit."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson

from perennial.declare.settings import Settings
from perennial.keep.ledger import Slot
from perennial.serve.said import unavailable

HEADERS = {"Content-Type": "application/json"}
MAX_ANSWER_BYTES = 64_000_000  # no more memory than this for a slot that has gone mad


class SlotClient:
    """One HTTP client for all slots; made in the event loop that uses it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self, slot: Slot, verb: str, columns: dict[str, list[Any]], timeout_ms: float
    ) -> bytes:
        """The slot's answer to `verb` (`predict` or `explain`) for columns of equal length.

        Raises `RefusedError` 503 when the slot does not answer in time or answers with an error.
        """
        try:
            async with self._open().post(
                f"http://{self._settings.host_of(slot.model, slot.slot)}:{slot.port}/{verb}",
                data=orjson.dumps({"columns": columns}),
                headers=HEADERS,
                timeout=aiohttp.ClientTimeout(total=timeout_ms / 1000),
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise unavailable(f"the server answered {response.status}")
                if response.content_length is None or response.content_length > MAX_ANSWER_BYTES:
                    raise unavailable("the server's answer is too long, or does not say how long")
                return await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise unavailable(f"the server did not answer ({type(error).__name__})") from error

    async def close(self) -> None:
        """Close the kept connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return self._session
