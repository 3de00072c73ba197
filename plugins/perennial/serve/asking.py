"""Asks a slot: JSON over kept-alive loopback connections, within a time limit."""

from __future__ import annotations

import math
from typing import Any

import aiohttp
import orjson

from perennial.serve.refusals import RefusedError

HEADERS = {"Content-Type": "application/json"}


class SlotClient:
    """One HTTP client for all slots; made in the event loop that uses it."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self, port: int, verb: str, columns: dict[str, list[Any]], timeout_ms: int
    ) -> dict[str, Any]:
        """The slot's answer to `verb` (`predict` or `explain`) for columns of equal length.

        Raises `RefusedError` 503 when the slot does not answer in time, answers with an error, or
        gives a score that is not a finite number.
        """
        try:
            async with self._open().post(
                f"http://127.0.0.1:{port}/{verb}",
                data=orjson.dumps({"columns": columns}),
                headers=HEADERS,
                timeout=aiohttp.ClientTimeout(total=timeout_ms / 1000),
            ) as response:
                body = await response.read()
                if response.status != 200:
                    raise _unavailable(f"the server answered {response.status}")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise _unavailable(f"the server did not answer ({type(error).__name__})") from error
        return _checked(orjson.loads(body), len(next(iter(columns.values()))))

    async def close(self) -> None:
        """Close the kept connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return self._session


def _checked(answer: dict[str, Any], n: int) -> dict[str, Any]:
    scores = answer.get("scores")
    if not isinstance(scores, list) or len(scores) != n:
        raise _unavailable(f"the server did not give {n} scores")
    if not all(isinstance(score, float | int) and math.isfinite(score) for score in scores):
        raise _unavailable("the server gave a score that is not a finite number")
    return answer


def _unavailable(why: str) -> RefusedError:
    return RefusedError(503, "unavailable", f"no answer now: {why}", retry_after_seconds=1)
