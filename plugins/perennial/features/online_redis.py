"""Feast's Redis online store with the promises of the project's SQLite one.

Feast's own asks for the times it has, then writes: two writers at once can leave the older value,
and a value that is corrected at the same event time is dropped. Here a batch is a script, which the
server runs whole: an older value never replaces a newer one, one of the same time does, and readers
see all of a batch (of up to 5,000 rows) or nothing of it. For one server, or a sentinel's; not for
a cluster, which has no script over keys of several servers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from feast import FeatureView, RepoConfig
from feast.infra.online_stores.helpers import _mmh3, _redis_key, compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]  # no types
from pydantic import Field

from perennial.features.online_store import Written

if TYPE_CHECKING:
    from perennial.features.entity_reads import EntityReader, Wanted

ROWS_AT_ONCE = 5000
"""The server answers nobody else while it runs a script: some 20 ms for as many."""

WRITE = """
local place = 3
for _, key in ipairs(KEYS) do
  local moment, n = ARGV[place], tonumber(ARGV[place + 1])
  local kept = redis.call('HGET', key, ARGV[1])
  if not kept or tonumber(moment) >= tonumber(kept) then
    redis.call('HSET', key, unpack(ARGV, place + 2, place + 1 + n))
    if ARGV[2] ~= '0' then redis.call('EXPIRE', key, ARGV[2]) end
  end
  place = place + 2 + n
end
"""


class GuardedRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """`online_store:` in `feature_store.redis.yaml`; `connection_string` says where it is."""

    type: Literal["perennial.features.online_redis.GuardedRedisOnlineStore"] = Field(  # type: ignore[assignment]  # Feast's way: the class path is the type
        "perennial.features.online_redis.GuardedRedisOnlineStore"
    )


class GuardedRedisOnlineStore(RedisOnlineStore):
    """Redis for several machines; see the module's promises. Kept as Feast keeps it, and beside
    each view's event time (a protobuf) the same in microseconds, which the script can compare.
    """

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: Sequence[Written],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Write values whose event time is not before what is there."""
        write = self._get_client(config.online_store).register_script(WRITE)
        view = _name(config, table)
        expires = config.online_store.key_ttl_seconds or 0
        for start in range(0, len(data), ROWS_AT_ONCE):
            rows = data[start : start + ROWS_AT_ONCE]
            fields = [field for row in rows for field in _fields(view, row)]
            write(keys=[_key(config, row[0]) for row in rows], args=[_us(view), expires, *fields])
            if progress:
                progress(len(rows))

    async def online_write_batch_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: Sequence[Written],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """The same promises for those who do not wait."""
        await asyncio.to_thread(self.online_write_batch, config, table, data, progress)

    def _read_hash_fields(
        self, config: RepoConfig, commands: list[tuple[bytes, list[str | bytes]]]
    ) -> list[Any]:
        """All fields of one moment: Feast's own lets a batch come between two entities."""
        with self._get_client(config.online_store).pipeline(transaction=True) as pipe:
            for key, fields in commands:
                pipe.hmget(key, fields)
            found: list[Any] = pipe.execute()
        return found

    def reader(self, config: RepoConfig, wanted: Sequence[Wanted]) -> EntityReader:
        """Reads these views' entities; what it has read is kept for a moment (see its module)."""
        from perennial.features.redis_reads import RedisReader

        fields: list[list[str | bytes]] = []
        for each in wanted:
            view = _name(config, each.view)
            fields.append([_us(view), _ts(view), *(_mmh3(f"{view}:{n}") for n in each.features)])
        return RedisReader(self._get_client(config.online_store), config.project, wanted, fields)

    def clear(self, config: RepoConfig, tables: Sequence[FeatureView]) -> None:
        """Forget every value of the views; readers see an entity's old values or none."""
        client = self._get_client(config.online_store)
        names = [name for table in tables for name in _all_fields(config, table)]
        with client.pipeline(transaction=False) as pipe:
            for key in client.scan_iter(count=1000):
                if names and key.endswith(config.project.encode()):
                    pipe.hdel(key, *names)  # the last field takes the key with it
                if len(pipe) >= ROWS_AT_ONCE:
                    pipe.execute()
            pipe.execute()


def _fields(view: str, row: Written) -> Iterator[Any]:
    """What the script takes for one row: its moment, how many fields and values, and those."""
    _, values, event_at, _ = row
    moment = Timestamp()
    moment.FromDatetime(_aware(event_at))
    yield moment.ToMicroseconds()
    yield 2 * (len(values) + 2)
    yield from (_ts(view), moment.SerializeToString(), _us(view), moment.ToMicroseconds())
    for name, value in values.items():
        yield from (_mmh3(f"{view}:{name}"), value.SerializeToString())


def _all_fields(config: RepoConfig, table: FeatureView) -> list[str | bytes]:
    view = _name(config, table)
    return [_ts(view), _us(view), *(_mmh3(f"{view}:{each.name}") for each in table.features)]


def _ts(view: str) -> str:
    return f"_ts:{view}"  # Feast's own name


def _us(view: str) -> str:
    return f"_us:{view}"


def _key(config: RepoConfig, entity: Any) -> bytes:
    key: bytes = _redis_key(config.project, entity, config.entity_key_serialization_version)
    return key


def _name(config: RepoConfig, table: FeatureView) -> str:
    name: str = compute_versioned_name(table, config.registry.enable_online_feature_view_versioning)
    return name


def _aware(moment: datetime) -> datetime:
    """A moment without offset is in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
