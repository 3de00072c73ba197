"""The gateway's journals: opened as declared, written or refused, and what is dropped is counted.

What is not answered with a 2xx leaves an entry too, of the kind `refusal`: status, code, path and
size, never the body. The first twenty of a second have an entry each; what comes beyond is told by
one entry per status and code with its number `n`, at the end of that second. The sum of `n` and of
`perennial_dropped_total{what="refusal"}` is the number of refused requests. Whom the door turns
away is told by `turned_away`, in sums only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perennial.declare.project import Project
from perennial.keep.journal import Journal
from perennial.serve.metrics import DROPPED
from perennial.serve.refusals import RefusedError, printable

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5
DETAILED = 20
"""So many refusals of one second have an entry of their own."""
SECOND = 1.0
COMPLAIN_SECONDS = 10.0


def opened(project: Project, *names: str) -> Journal:
    """The journal below `var/journal`, synced as `bentofiles/gateway.yaml` says."""
    folder = project.var.joinpath("journal", *names)
    return Journal(folder, sync_ms=project.gateway.sync_ms, stall_ms=project.gateway.stall_ms)


def written(journal: Journal, entries: Sequence[dict[str, Any]], what: str) -> int:
    """Append, or refuse with 503; returns the last entry's number."""
    try:
        return journal.append(entries)
    except OSError as error:
        raise unwritten(what, error) from error


def unwritten(what: str, error: Exception) -> RefusedError:
    """How callers are told that a journal takes nothing now."""
    why = getattr(error, "strerror", None) or str(error)
    return RefusedError(
        503, "journal", f"{what} cannot be journaled now: {why}", None, RETRY_SECONDS
    )


def written_or_dropped(
    journal: Journal, entries: Sequence[dict[str, Any]], what: str, n: int
) -> bool:
    """Append what nobody waits for; where that fails, count `n` of it as dropped."""
    try:
        journal.append(entries)
    except OSError as error:
        DROPPED.labels(what).inc(n)
        _complaint.tell(what, error)
        return False
    return True


class _Complaint:
    """Told in the log at most every ten seconds, as the log may be on the same disk."""

    def __init__(self) -> None:
        self._told_at = -float("inf")

    def tell(self, what: str, error: OSError) -> None:
        if time.monotonic() - self._told_at > COMPLAIN_SECONDS:
            self._told_at = time.monotonic()
            logger.error("%s not journaled, see perennial_dropped_total: %s", what, error)


_complaint = _Complaint()


class Refusals:
    """ASGI middleware, the outermost: journals what was answered with a 4xx or 5xx."""

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self.app = app
        self._journal = journal
        self._n_detailed = 0
        self._more: Counter[tuple[int, str]] = Counter()
        self._end: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and look at the status of its answer."""
        status = 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status >= 400:
                self._take(scope, status, message.get("body", b""))
                status = 0
            await send(message)

        await self.app(scope, receive, told)

    def close(self) -> None:
        """Journal what is counted and not written yet."""
        if self._end is not None:
            self._end.cancel()
        self._end_second()

    def _take(self, scope: Scope, status: int, body: bytes) -> None:
        code = _code(body)
        if self._end is None:
            self._end = asyncio.get_running_loop().call_later(SECOND, self._end_second)
        if self._n_detailed >= DETAILED:
            self._more[status, code] += 1
            return
        self._n_detailed += 1
        self._write([refused(status, code, 1, printable(scope["path"]), _size(scope))], 1)

    def _end_second(self) -> None:
        more, self._more = self._more, Counter()
        self._end, self._n_detailed = None, 0
        if more:
            made = [refused(status, code, n) for (status, code), n in more.items()]
            self._write(made, more.total())

    def _write(self, entries: list[dict[str, Any]], n: int) -> None:
        written_or_dropped(self._journal, entries, "refusal", n)


def refused(
    status: int,
    code: str,
    n: int,
    path: str | None = None,
    size: int | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """The entry of `n` refused requests; null: not told of a sum, or not known."""
    return {
        "kind": "refusal", "model": None, "release_id": None, "at": datetime.now(UTC),
        "status": status, "code": code, "path": path, "size": size, "key": key, "n": n,
    }  # fmt: skip


def _code(body: bytes) -> str:
    """The code that a refusal tells; `error` for a response that is none of ours."""
    try:
        return str(orjson.loads(body)["error"]["code"])
    except (ValueError, TypeError, KeyError):
        return "error"


def _size(scope: Scope) -> int | None:
    """How many bytes the caller announced; None when it did not say."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 16 else None
    return None
