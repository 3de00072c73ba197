"""Which slots answer for a model: the ledger's route, re-read often, kept when it cannot be."""

from __future__ import annotations

import asyncio
import logging
import time

from sqlalchemy.exc import SQLAlchemyError

from perennial.keep.ledger import Ledger, Route
from perennial.serve.metrics import SHADOW, WEIGHT

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5
FIRST_PATIENCE_SECONDS = 5.0  # while there is no last good route, which would be worse than late


class Router:
    """The present route of one model, at most `max_age_seconds` old while the ledger answers."""

    def __init__(self, ledger: Ledger, model: str, max_age_seconds: float = 0.25) -> None:
        self._ledger, self._model, self._max_age = ledger, model, max_age_seconds
        self._route: Route | None = None
        self._read_at = -float("inf")
        self._is_first = True
        self._reading: asyncio.Task[None] | None = None
        self._reading_since = 0.0

    async def route(self) -> Route | None:
        """The slot that serves now, and the challenger beside it; None when nothing serves.

        When the ledger cannot be read, or does not answer within half a second, the last good
        route stays in force; the log says so.
        """
        age = time.monotonic() - self._read_at
        if age > self._max_age:
            await self._refresh()
        elif age > self._max_age / 2:
            self._begin()  # so that under steady traffic nobody waits for it
        return self._route

    def _begin(self) -> asyncio.Task[None]:
        """Read in a thread, one at a time: a database that hangs holds up nobody for long."""
        if self._reading is None or self._reading.done():
            self._reading, self._reading_since = (
                asyncio.create_task(self._read()),
                time.monotonic(),
            )
        return self._reading

    async def _refresh(self) -> None:
        reading = self._begin()
        patience = FIRST_PATIENCE_SECONDS if self._is_first else PATIENCE_SECONDS
        wait_seconds = self._reading_since + patience - time.monotonic()
        if wait_seconds > 0:
            _, waiting = await asyncio.wait({reading}, timeout=wait_seconds)
            if waiting:
                logger.warning("route of %s not read in time, the last one stays", self._model)

    async def _read(self) -> None:
        try:
            route = await asyncio.to_thread(self._ledger.live, self._model)
            if route != self._route:
                self._route = route
            has_challenger = route is not None and route.challenger is not None
            WEIGHT.labels(self._model).set(route.weight if route and has_challenger else 0)
            SHADOW.labels(self._model).set(route.shadow if route and has_challenger else 0)
        except SQLAlchemyError as error:
            logger.warning("route of %s not read, the last one stays: %s", self._model, error)
        self._read_at, self._is_first = time.monotonic(), False
