"""Feast's offline store on plain DuckDB: `AsofOfflineStore`.

In `feature_store.yaml`:

    offline_store:
      type: perennial.features.offline_store.AsofOfflineStore
      known_then: true

It keeps every entity row in its order, with nulls where nothing was known, and by default shows
each row only what was known at its own time, so that a backfill never leaks into a training set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureView, OnDemandFeatureView
from feast.data_source import DataSource
from feast.feature_logging import LoggingConfig, LoggingSource
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from feast.infra.offline_stores.file_source import FileLoggingDestination
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from feast.utils import compute_non_entity_date_range
from pydantic import Field

from perennial.features.asof_sql import Span, answers_sql, spine_sql
from perennial.features.entity_rows import TIME_COLUMN, EntityRows
from perennial.features.feast_sources import path_of, rows_of, scan_of
from perennial.features.parquet_writes import add_files, append_rows
from perennial.features.retrieval_job import AsofRetrievalJob
from perennial.features.view_rows import ViewRows, all_sql, latest_sql
from perennial.keep.engine import connect
from perennial.keep.quoting import text


class AsofOfflineStoreConfig(FeastConfigBaseModel):
    """The block `offline_store` of feature_store.yaml."""

    type: Literal["perennial.features.offline_store.AsofOfflineStore"] = (
        "perennial.features.offline_store.AsofOfflineStore"
    )
    known_then: bool = Field(
        default=True,
        description="Hide rows whose created_timestamp lies after the moment asked for. "
        "False: only when asked with filter_by_created_timestamp=True.",
    )
    threads: int | None = Field(
        default=None, ge=1, description="Cores DuckDB may use. None: all there are."
    )


class AsofOfflineStore(OfflineStore):
    """Point-in-time joins by DuckDB's ASOF JOIN over FileSources of Parquet."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | pa.Table | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        **kwargs: Any,
    ) -> RetrievalJob:
        """The features as they were known at each entity row's own time.

        Without `entity_df`: a row for each key at each moment, from `start_date` to `end_date`,
        at which a row of it became known; the views must then share their keys.
        """
        known_then = config.offline_store.known_then or bool(
            kwargs.get("filter_by_created_timestamp")
        )
        views = [rows_of(view, feature_refs, full_feature_names, config) for view in feature_views]
        if entity_df is None:
            first, last = compute_non_entity_date_range(
                feature_views, kwargs.get("start_date"), kwargs.get("end_date")
            )
            entity_df = spine_sql(
                _with_common_keys(views), TIME_COLUMN, Span(first, last), known_then
            )
        with connect(config.offline_store.threads) as connection:
            entity_rows = EntityRows.of(entity_df, connection)
        entity_rows.require(views)
        span = entity_rows.span
        return AsofRetrievalJob(
            statements=[
                answers_sql(view, entity_rows.time_column, span, known_then) for view in views
            ],
            config=config,
            entity_rows=entity_rows,
            on_demand_feature_views=OnDemandFeatureView.get_requested_odfvs(
                feature_refs, project, registry
            ),
            full_feature_names=full_feature_names,
            metadata=RetrievalMetadata(
                features=feature_refs,
                keys=[c for c in entity_rows.table.column_names if c != entity_rows.time_column],
                min_event_timestamp=span.first if span else None,
                max_event_timestamp=span.last if span else None,
            ),
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """The row of each key with the greatest event_timestamp, then created_timestamp.

        With `known_then` only of those that were known at `end_date`.
        """
        rows = _source_rows(
            config,
            data_source,
            join_key_columns,
            feature_name_columns,
            timestamp_field,
            created_timestamp_column,
        )
        known_then = config.offline_store.known_then
        return AsofRetrievalJob([latest_sql(rows, start_date, end_date, known_then)], config)

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Every row from `start_date` to `end_date`, both included, oldest first."""
        rows = _source_rows(
            config,
            data_source,
            join_key_columns,
            feature_name_columns,
            timestamp_field,
            created_timestamp_column,
        )
        return AsofRetrievalJob([all_sql(rows, start_date, end_date)], config)

    @staticmethod
    def offline_write_batch(
        config: RepoConfig,
        feature_view: FeatureView,
        table: pa.Table,
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Append `table` to the view's source."""
        asked_by = f"feature view '{feature_view.name}'"
        append_rows(path_of(feature_view.batch_source, config, asked_by), table)
        if progress:
            progress(table.num_rows)

    @staticmethod
    def write_logged_features(
        config: RepoConfig,
        data: pa.Table | Path,
        source: LoggingSource,
        logging_config: LoggingConfig,
        registry: BaseRegistry,
    ) -> None:
        """Append served features to the logging destination, a folder of Parquet."""
        destination = logging_config.destination
        assert isinstance(destination, FileLoggingDestination), "declare a FileLoggingDestination"
        rows = pq.read_table(data) if isinstance(data, Path) else data
        folder = path_of(destination.to_data_source(), config, "the feature log")
        add_files(folder, rows, destination.partition_by or [])

    def validate_data_source(self, config: RepoConfig, data_source: DataSource) -> None:
        """Raise `DeclarationError` for a source this store cannot read; files may come later."""
        path_of(data_source, config, f"data source '{data_source.name}'")

    def get_table_column_names_and_types_from_data_source(
        self, config: RepoConfig, data_source: DataSource
    ) -> Iterable[tuple[str, str]]:
        """The columns, hive partitions included, with Arrow's names of their types."""
        scan = scan_of(data_source, config, f"data source '{data_source.name}'")
        with connect() as connection:
            schema = connection.sql(f"SELECT * FROM {scan} LIMIT 0").to_arrow_table().schema
        return [(field.name, str(field.type)) for field in schema]


def _with_common_keys(views: list[ViewRows]) -> list[ViewRows]:
    """The views that have keys (all, if none has); `ValueError` when their keys differ."""
    keyed = [view for view in views if view.keys] or views
    keys = {view.name: sorted(key for _, key in view.keys) for view in keyed}
    if len({tuple(each) for each in keys.values()}) > 1:
        raise ValueError(
            f"without entity_df the feature views must share their keys; these have {keys}. "
            "Ask for them one by one, or bring an entity_df."
        )
    return keyed


def _source_rows(
    config: RepoConfig,
    source: DataSource,
    keys: list[str],
    features: list[str],
    event_timestamp: str,
    created_timestamp: str | None,
) -> ViewRows:
    scan = scan_of(source, config, f"data source '{source.name}'")
    if not keys:  # Feast keys the rows of a view without entities by a dummy
        scan = f"(SELECT *, {text(DUMMY_ENTITY_VAL)} AS {DUMMY_ENTITY_ID} FROM {scan})"
        keys = [DUMMY_ENTITY_ID]
    return ViewRows(
        name=source.name,
        scan=scan,
        keys=tuple((key, key) for key in keys),
        features=tuple((feature, feature) for feature in features),
        event_timestamp=event_timestamp,
        created_timestamp=created_timestamp or None,
    )
