"""Reads entities out of the SQLite online store, and again only after the file has changed.

Before each answer SQLite is asked whether anyone has committed anything to the file
(`PRAGMA data_version`, some 3 µs), and the file system whether it is still the same file. So what
is kept is never older than what the file says: a pushed or materialized value is seen by the first
question after its commit. What one call answers is one moment of the file, over all views.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from perennial.features.entity_cache import MOST_ENTITIES, EntityCache, lacking
from perennial.features.entity_keys import Key
from perennial.features.entity_reads import Entity, Wanted
from perennial.features.stored_values import value_of

KEYS_AT_ONCE = 256
BUSY_MS = 10_000
PAGES_KIB = 16_384

Found = list[dict[Key, Entity]]
"""Per view what was found so far."""


class SqliteReader:
    """See the module; may be used by several threads, one after the other."""

    def __init__(
        self, path: Path, tables: Sequence[str], wanted: Sequence[Wanted], most: int = MOST_ENTITIES
    ) -> None:
        """`tables`: per wanted view the name of its table."""
        self._path, self._wanted = path, list(wanted)
        self._selects = [_select(table) for table in tables]
        self._places = [{name: at for at, name in enumerate(each.features)} for each in wanted]
        self._caches = [EntityCache(most) for _ in wanted]
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, ...] = ()
        self._version: int | None = None

    def read(self, asked: Sequence[Sequence[Key | None]]) -> list[list[Entity]]:
        """See `EntityReader`. Raises `sqlite3.Error` where the file is not there or not readable.

        What was read before is then forgotten, and the next call begins anew.
        """
        with self._lock:
            try:
                found = self._found(asked)
            except BaseException:
                self._leave()
                raise
        answers = []
        for wanted, keys, entities in zip(self._wanted, asked, found, strict=True):
            unknown = wanted.unknown
            answers.append([unknown if key is None else entities[key] for key in keys])
        return answers

    def _found(self, asked: Sequence[Sequence[Key | None]]) -> Found:
        connection = self._opened()
        self._forget_if_changed(connection)
        found = [cache.known(keys) for cache, keys in zip(self._caches, asked, strict=True)]
        if not any(map(lacking, found, asked)):
            return found
        connection.execute("BEGIN")  # from here to the end it is one moment of the file
        try:
            if self._forget_if_changed(connection):
                found = [{} for _ in asked]
            for place, keys in enumerate(asked):
                new = lacking(found[place], keys)
                if new:
                    read = dict(self._read(connection, place, new))
                    self._caches[place].keep(read)
                    found[place] |= read
        finally:
            connection.execute("COMMIT")
        return found

    def _read(
        self, connection: sqlite3.Connection, place: int, keys: list[Key]
    ) -> Iterator[tuple[Key, Entity]]:
        wanted, places = self._wanted[place], self._places[place]
        encoded = {wanted.keys.encode(key): key for key in keys}
        values: dict[bytes, list[Any]] = {}
        oldest: dict[bytes, int] = {}
        for entity, name, data, moment in self._rows(connection, place, list(encoded)):
            at = places.get(name)
            if at is None:
                continue
            if entity not in values:
                values[entity], oldest[entity] = [None] * len(wanted.features), moment
            elif moment < oldest[entity]:
                oldest[entity] = moment
            values[entity][at] = value_of(data, wanted.types[at])
        for entity, key in encoded.items():
            is_known = entity in values
            yield key, (oldest[entity], tuple(values[entity])) if is_known else wanted.unknown

    def _rows(
        self, connection: sqlite3.Connection, place: int, keys: list[bytes]
    ) -> Iterator[tuple[bytes, str, bytes, int]]:
        for first in range(0, len(keys), KEYS_AT_ONCE):
            some = keys[first : first + KEYS_AT_ONCE]
            # As many marks as the next power of two: a handful of statements, prepared once.
            n_marks = 1 << (len(some) - 1).bit_length()
            some += some[-1:] * (n_marks - len(some))
            query = f"{self._selects[place]} ({', '.join('?' * n_marks)})"
            yield from connection.execute(query, some)

    def _forget_if_changed(self, connection: sqlite3.Connection) -> bool:
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return False
        self._version = version
        for cache in self._caches:
            cache.clear()
        return True

    def _opened(self) -> sqlite3.Connection:
        """A connection of its own to the file that is at the path now: it sees all commits.

        A process that was forked opens the file itself: SQLite's connections do not outlive a fork.
        """
        at = os.stat(self._path)
        file = (at.st_dev, at.st_ino, os.getpid())
        if self._connection is None or file != self._file:
            self._leave()
            self._connection = sqlite3.connect(
                f"file:{quote(str(self._path))}?mode=rw",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=512,
                timeout=BUSY_MS / 1000,
            )
            self._connection.execute(f"PRAGMA cache_size=-{PAGES_KIB}")
            self._connection.execute("PRAGMA query_only=1")
            self._file = file
        return self._connection

    def _leave(self) -> None:
        connection, self._connection, self._version = self._connection, None, None
        if connection is not None and self._file[2] == os.getpid():
            connection.close()


def _select(table: str) -> str:
    return (
        "SELECT entity_key, feature_name, value, CAST(event_ts AS INTEGER) "
        f'FROM "{table}" WHERE entity_key IN'
    )
