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
        self._writing: asyncio.Task[None] | None = None

    def tell(self, who: str, address: str, path: str, status: int) -> None:
        """A call of `path` was denied; the row tells how many were since the one before."""
        self._n += 1
        is_busy = self._writing is not None and not self._writing.done()
        if not is_busy and not self._bucket.take("all"):
            n, self._n = self._n, 0
            row = {"status": status, "address": address, "n_since_last_row": n}
            self._writing = asyncio.create_task(self._write(who, path[:200], row))

    async def close(self) -> None:
        """Wait for the row under way, and write a last one for what has none yet."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        if self._n:
            await self._write("several", "/admin", {"n_since_last_row": self._n})

    async def _write(self, who: str, path: str, told: dict[str, object]) -> None:
        row = {"at": now(), "actor": who, "action": "denied", "subject": path}
        try:
            await asyncio.to_thread(self._insert, {**row, "detail": json.dumps(told)})
        except SQLAlchemyError as error:
            logger.warning("denied call of %s by %s not on record: %s", path, who, error)

    def _insert(self, row: dict[str, str]) -> None:
        with self._ledger.engine.begin() as connection:
            connection.execute(insert(audit).values(**row))
