"""Feast's SQLite online store with three promises that Feast's own does not make.

An older value never replaces a newer one, readers go on while it is written (write-ahead log), and
a batch is one statement, not one per value.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from feast import FeatureView, RepoConfig
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from pydantic import Field

Written = tuple[Any, dict[str, Any], datetime, datetime | None]
"""Entity key, feature → value (both as Feast's protobufs), event time, created time."""


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
                _naive_utc(event_at),
                _naive_utc(created_at) if created_at else None,
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


def _naive_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
