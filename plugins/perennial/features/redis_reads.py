"""Reads entities out of the Redis online store, and again when what it has is a moment old.

Redis tells nobody cheaply that something has changed. So what was read of a view is kept for a
twentieth of the view's `freshness_seconds` (0.1 s of 2 s), and every promise of freshness holds
with that much added. Within that time two entities of one answer may be from different moments;
what is read anew is of one moment, over all views.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]  # no types

from perennial.features.entity_cache import MOST_ENTITIES, EntityCache, lacking
from perennial.features.entity_keys import Key
from perennial.features.entity_reads import Entity, Wanted
from perennial.features.stored_values import value_of

KEPT_SHARE = 0.05
"""Of a view's `freshness_seconds`."""


class RedisReader:
    """See the module; may be used by several threads, one after the other."""

    def __init__(
        self,
        client: Any,
        project: str,
        wanted: Sequence[Wanted],
        fields: Sequence[Sequence[str | bytes]],
        most: int = MOST_ENTITIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fields`: per wanted view its hash fields: both event times, then each feature."""
        self._client, self._project = client, project.encode()
        self._wanted, self._fields = list(wanted), [list(each) for each in fields]
        self._caches = [EntityCache(most) for _ in wanted]
        self._since = [float("-inf")] * len(self._wanted)
        self._lock = threading.Lock()
        self._clock = clock

    def read(self, asked: Sequence[Sequence[Key | None]]) -> list[list[Entity]]:
        """See `EntityReader`. Raises redis' own errors where the server does not answer."""
        with self._lock:
            self._forget_what_is_old()
            found = [cache.known(keys) for cache, keys in zip(self._caches, asked, strict=True)]
            new = [lacking(*each) for each in zip(found, asked, strict=True)]
            if any(new):
                for place, entities in enumerate(self._read(new)):
                    self._caches[place].keep(entities)
                    found[place] |= entities
        answers = []
        for wanted, keys, entities in zip(self._wanted, asked, found, strict=True):
            unknown = wanted.unknown
            answers.append([unknown if key is None else entities[key] for key in keys])
        return answers

    def _forget_what_is_old(self) -> None:
        now = self._clock()
        for place, wanted in enumerate(self._wanted):
            if now - self._since[place] >= KEPT_SHARE * wanted.freshness_seconds:
                self._caches[place].clear()
                self._since[place] = now  # before anything is read: no value is older than that

    def _read(self, asked: list[list[Key]]) -> list[dict[Key, Entity]]:
        with self._client.pipeline(transaction=True) as pipe:
            for wanted, fields, keys in zip(self._wanted, self._fields, asked, strict=True):
                for key in keys:
                    pipe.hmget(wanted.keys.encode(key) + self._project, fields)
            answers = iter(pipe.execute())
        return [
            {key: _entity(wanted, next(answers)) for key in keys}
            for wanted, keys in zip(self._wanted, asked, strict=True)
        ]


def _entity(wanted: Wanted, found: list[bytes | None]) -> Entity:
    microseconds, moment, *values = found
    if moment is None:
        return wanted.unknown
    if microseconds is None:  # written by Feast's own store
        at = Timestamp()
        at.ParseFromString(moment)
        microseconds = at.ToMicroseconds()
    return int(microseconds), tuple(map(value_of, values, wanted.types))
