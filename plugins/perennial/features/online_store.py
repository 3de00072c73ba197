"""Feast's SQLite online store with four promises that Feast's own does not make.

An older value never replaces a newer one, readers go on while it is written (write-ahead log), a
batch is one statement, not one per value, and times are kept to the microsecond in UTC (Feast's own
keeps whole seconds of the machine's time zone).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from feast import FeatureView, RepoConfig
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from feast.protos.feast.types.Value_pb2 import Value as ValueProto
from pydantic import Field

if TYPE_CHECKING:
    from perennial.features.entity_reads import EntityReader, Wanted

Written = tuple[Any, dict[str, Any], datetime, datetime | None]
"""Entity key, feature → value (both as Feast's protobufs), event time, created time."""

Read = tuple[datetime | None, dict[str, ValueProto] | None]
"""Event time and feature → value; nothing where the entity is unknown."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class GuardedSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):
    """`online_store:` in `feature_store.yaml`; `path` is the SQLite file."""

    type: Literal["perennial.features.online_store.GuardedSqliteOnlineStore"] = Field(  # type: ignore[assignment]  # Feast's way: the class path is the type
        "perennial.features.online_store.GuardedSqliteOnlineStore"
    )


class GuardedSqliteOnlineStore(SqliteOnlineStore):
    """SQLite below the project; see the module's promises."""

    def _get_conn(self, config: RepoConfig) -> sqlite3.Connection:
        is_new = not self._conn
        connection: sqlite3.Connection = super()._get_conn(config)
        if is_new:
            connection.execute("PRAGMA busy_timeout=10000")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: Sequence[Written],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Write values whose event time is not before what is there; all of them or none."""
        version = config.entity_key_serialization_version
        rows = [
            (
                serialize_entity_key(key, entity_key_serialization_version=version),
                name,
                value.SerializeToString(),
                _microseconds(event_at),
                _microseconds(created_at) if created_at else None,
            )
            for key, values, event_at, created_at in data
            for name, value in values.items()
        ]
        connection = self._get_conn(config)
        with connection:
            connection.executemany(
                f'INSERT INTO "{_table_name(config, table)}" '
                "(entity_key, feature_name, value, event_ts, created_ts) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (entity_key, feature_name) DO UPDATE SET value = excluded.value, "
                "event_ts = excluded.event_ts, created_ts = excluded.created_ts "
                "WHERE excluded.event_ts >= event_ts",
                rows,
            )
        if progress:
            progress(len(data))

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[Any],
        requested_features: list[str] | None = None,
    ) -> list[Read]:
        """The values of each entity in their order, with the oldest event time among them."""
        version = config.entity_key_serialization_version
        keys = [
            serialize_entity_key(key, entity_key_serialization_version=version)
            for key in entity_keys
        ]
        asked = list(dict.fromkeys(keys))
        rows = self._get_conn(config).execute(
            "SELECT entity_key, feature_name, value, CAST(event_ts AS INTEGER) "  # no converter
            f'FROM "{_table_name(config, table)}" '
            f"WHERE entity_key IN ({', '.join('?' * len(asked))})",
            asked,
        )
        values: dict[bytes, dict[str, ValueProto]] = {key: {} for key in asked}
        oldest: dict[bytes, int] = {}
        for key, name, value, event_at in rows:
            if requested_features is None or name in requested_features:
                values[key][name] = ValueProto.FromString(value)
                oldest[key] = min(event_at, oldest.get(key, event_at))
        return [
            (EPOCH + oldest[key] * MICROSECOND, values[key]) if values[key] else (None, None)
            for key in keys
        ]

    def reader(self, config: RepoConfig, wanted: Sequence[Wanted]) -> EntityReader:
        """Reads these views' entities for as long as it is kept, by a connection of its own."""
        from perennial.features.sqlite_reads import SqliteReader

        tables = [_table_name(config, each.view) for each in wanted]
        return SqliteReader(Path(self._get_db_path(config)), tables, wanted)

    def clear(self, config: RepoConfig, tables: Sequence[FeatureView]) -> None:
        """Forget every value of the views; readers see the old values or none."""
        connection = self._get_conn(config)
        with connection:
            for table in tables:
                connection.execute(f'DELETE FROM "{_table_name(config, table)}"')


def _table_name(config: RepoConfig, table: FeatureView) -> str:
    from feast.infra.online_stores.sqlite import _table_id

    name: str = _table_id(
        config.project, table, config.registry.enable_online_feature_view_versioning
    )
    return name.replace('"', '""')


def _microseconds(moment: datetime) -> int:
    """Since 1970; a moment without offset is in UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // MICROSECOND
