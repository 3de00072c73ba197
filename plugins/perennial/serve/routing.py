"""Which slot answers for a model: the ledger's route, re-read often, kept when it cannot be."""

from __future__ import annotations

import logging
import time

from sqlalchemy.exc import SQLAlchemyError

from perennial.keep.ledger import Ledger, Slot

logger = logging.getLogger(__name__)


class Router:
    """The present route of one model, at most `max_age_seconds` old while the ledger answers."""

    def __init__(self, ledger: Ledger, model: str, max_age_seconds: float = 0.25) -> None:
        self._ledger, self._model, self._max_age = ledger, model, max_age_seconds
        self._slot: Slot | None = None
        self._read_at = -float("inf")

    def champion(self) -> Slot | None:
        """The slot that serves now, or None when nothing does.

        When the ledger cannot be read the last good route stays in force, and the log says so.
        """
        if time.monotonic() - self._read_at > self._max_age:
            self._read_at = time.monotonic()
            try:
                current = self._ledger.current(self._model)
                self._slot = current[0] if current else None
            except SQLAlchemyError as error:
                logger.warning("route of %s not read, the last one stays: %s", self._model, error)
        return self._slot
