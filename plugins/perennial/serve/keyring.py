"""The API keys that are good now: a copy of the ledger's, read again every half second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hmac import compare_digest

from sqlalchemy.exc import SQLAlchemyError

from perennial.keep import api_keys
from perennial.keep.api_keys import USE_SECONDS, ApiKey, hash_of
from perennial.keep.ledger import Ledger
from perennial.serve.refusals import RefusedError

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 0.5
"""A copy older than this is read again, beside the requests."""
MOST_SECONDS = 1.0
"""One older than this is waited for: so long a revoked key may still be taken."""
PATIENCE_SECONDS = 0.5
"""So long a request waits for a newer copy where the last one may still be relied on."""
MOST_ALONE_SECONDS = 300.0
"""While the ledger does not answer, the last copy stays in force no longer than this."""
WITHOUT_SECONDS = 5.0
"""So long a request waits where no copy may be relied on: at the start, and after a long quiet."""
SKEW = timedelta(seconds=10)
"""By so much the clocks of this machine and of the one that made a key may differ."""
NOBODY = "0" * 64


class Keyring:
    """Says whose token it is. Unknown ids cost no question to the ledger, and no more memory."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._clock, self._monotonic = ledger, clock, monotonic
        self._keys: dict[bytes, ApiKey] = {}
        self._read_at = -float("inf")
        self._reading: asyncio.Task[None] | None = None
        self._used: dict[str, datetime] = {}
        self._next_note: asyncio.TimerHandle | None = None
        self._noting: asyncio.Task[None] | None = None

    @property
    def is_old(self) -> bool:
        """Whether `refresh` has something to do."""
        return self._monotonic() - self._read_at > AGAIN_SECONDS

    async def refresh(self) -> None:
        """Have the keys read again; waits only where the copy is older than a second.

        Raises `RefusedError` 503 when there is no copy that may still be relied on.
        """
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        if self._age > MOST_SECONDS:
            has_copy = self._age <= MOST_ALONE_SECONDS
            patience = PATIENCE_SECONDS if has_copy else WITHOUT_SECONDS
            await asyncio.wait({self._reading}, timeout=patience)
        if self._age > MOST_ALONE_SECONDS:
            raise RefusedError(503, "keys", "the API keys cannot be read now", None, 1)

    def owner(self, token: bytes) -> ApiKey | None:
        """The key whose token this is; None when it is nobody's, or not good now.

        An id that nobody has is hashed and compared like one that somebody has, in the same time.
        """
        key_id, _, secret = token.partition(b".")
        key, offered = self._keys.get(key_id), hash_of(secret)
        is_present = compare_digest(offered, key.hash if key else NOBODY)
        is_previous = compare_digest(offered, (key and key.previous_hash) or NOBODY)
        if key is None or not (is_present or is_previous):
            return None
        now = self._clock()
        if not is_present and (key.previous_until is None or now > key.previous_until + SKEW):
            return None
        if key.revoked_at is not None or key.created_at > now + SKEW:
            return None
        if key.expires_at is not None and now > key.expires_at + SKEW:
            return None
        self._used[key.id] = now
        if self._next_note is None:
            self._note_later()
        return key

    def claimed(self, token: bytes) -> str | None:
        """The id that a token names, rightly or not; None when no key has it."""
        key = self._keys.get(token.partition(b".")[0])
        return key.id if key else None

    async def close(self) -> None:
        """Wait for the reading under way, and write down what was used last."""
        if self._reading is not None:
            await asyncio.wait({self._reading})
        if self._noting is not None:
            await asyncio.wait({self._noting})
        if self._next_note is not None:
            self._next_note.cancel()
        await self._note()

    @property
    def _age(self) -> float:
        return self._monotonic() - self._read_at

    async def _read(self) -> None:
        began = self._monotonic()
        try:
            found = await asyncio.to_thread(api_keys.all_keys, self._ledger)
        except SQLAlchemyError as error:
            logger.warning("API keys not read, the last ones stay for a while: %s", error)
            return
        self._keys = {key.id.encode(): key for key in found}
        self._read_at = began

    def _note_later(self) -> None:
        def begin() -> None:
            self._noting = asyncio.create_task(self._note())

        self._next_note = asyncio.get_running_loop().call_later(USE_SECONDS, begin)

    async def _note(self) -> None:
        """Write down which keys were used when, all at once, beside the requests."""
        used, self._used, self._next_note = self._used, {}, None
        if not used:
            return
        try:
            await asyncio.to_thread(api_keys.note_use, self._ledger, used)
        except SQLAlchemyError as error:
            logger.warning("the last use of %d API keys not written yet: %s", len(used), error)
            self._used = used | self._used
            if self._next_note is None:
                self._note_later()
