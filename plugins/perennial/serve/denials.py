"""Puts denied calls of the admin paths on record, however many there are."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable

from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from perennial.declare.gateway import Rate
from perennial.keep.ledger import Ledger, now
from perennial.keep.ledger_tables import audit
from perennial.serve.rate_limits import TokenBuckets

logger = logging.getLogger(__name__)

AT_MOST = Rate(per_second=0.1, burst=20)
"""Rows: a flood of denied calls must not fill the ledger. Each row counts those it stands for."""


class Denials:
    """Writes audit rows in the background."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._bucket = TokenBuckets(AT_MOST, clock)
        self._n = 0
        self._who: set[str] = set()
        self._path = ""
        self._writing: asyncio.Task[None] | None = None

    def tell(self, who: str, address: str, path: str, status: int) -> None:
        """A call of `path` was denied; the row tells how many were since the one before.

        Its actor is who called, or `several` where those calls were not all of one; address,
        path and status are those of the last.
        """
        self._n += 1
        self._path = path[:200]
        if len(self._who) < 2:
            self._who.add(who)
        is_busy = self._writing is not None and not self._writing.done()
        if not is_busy and not self._bucket.take("all"):
            row = self._row({"status": status, "address": address})
            self._writing = asyncio.create_task(self._write(row))

    async def close(self) -> None:
        """Wait for the row under way, and write a last one for what has none yet."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        if self._n:
            await self._write(self._row({}))

    def _row(self, told: dict[str, object]) -> dict[str, str]:
        """A row for all calls since the last one; the next begins anew."""
        who = self._who.pop() if len(self._who) == 1 else "several"
        detail = json.dumps({**told, "n_since_last_row": self._n})
        self._who.clear()
        self._n = 0
        subject = self._path
        return {
            "at": now(), "actor": who, "action": "denied", "subject": subject, "detail": detail
        }  # fmt: skip

    async def _write(self, row: dict[str, str]) -> None:
        try:
            await asyncio.to_thread(self._insert, row)
        except SQLAlchemyError as error:
            logger.warning(
                "denied call of %s by %s not on record: %s", row["subject"], row["actor"], error
            )

    def _insert(self, row: dict[str, str]) -> None:
        with self._ledger.engine.begin() as connection:
            connection.execute(insert(audit).values(**row))
