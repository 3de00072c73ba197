"""One question to the offline store: runs its SQL when the answer is wanted, not before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import duckdb
import pandas as pd
import pyarrow as pa
from feast import OnDemandFeatureView
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.repo_config import RepoConfig
from feast.saved_dataset import SavedDatasetStorage

from perennial.errors import DeclarationError
from perennial.features.asof_sql import ENTITY_ROWS, side_by_side_sql
from perennial.features.entity_rows import EntityRows
from perennial.features.feast_sources import path_of
from perennial.features.on_demand import needed, python_table
from perennial.features.parquet_writes import replace_dataset
from perennial.keep.engine import connect


class AsofRetrievalJob(RetrievalJob):
    """Features for entity rows, or the rows of a source. `to_arrow` is the quick path."""

    def __init__(
        self,
        statements: Sequence[str],
        config: RepoConfig,
        entity_rows: EntityRows | None = None,
        on_demand_feature_views: Sequence[OnDemandFeatureView] = (),
        full_feature_names: bool = False,
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        """`statements`: one for each view, beside `entity_rows`; without these exactly one."""
        self._statements = list(statements)
        self._config = config
        self._entity_rows = entity_rows
        self._on_demand_feature_views = list(on_demand_feature_views)
        self._full_feature_names = full_feature_names
        self._metadata = metadata

    def to_sql(self) -> str:
        """All of it as one statement. Entity rows not given as SQL are the table `entity_rows`.

        It is run view by view all the same, which needs less memory.
        """
        if self._entity_rows is None:
            return self._statements[0]
        query = self._entity_rows.query
        given = f"WITH {ENTITY_ROWS} AS MATERIALIZED ({query})\n" if query else ""
        return given + side_by_side_sql(self._statements)

    def persist(
        self,
        storage: SavedDatasetStorage,
        allow_overwrite: bool = False,
        timeout: int | None = None,
    ) -> None:
        """Write the answer as Parquet: one file, or a folder with one file."""
        if not isinstance(storage, SavedDatasetFileStorage):
            raise ValueError(
                f"storage is {type(storage).__name__}; this offline store saves data sets "
                "to SavedDatasetFileStorage."
            )
        path = path_of(storage.to_data_source(), self._config, "a saved data set")
        if path.exists() and not allow_overwrite:
            raise SavedDatasetLocationAlreadyExists(location=str(path))
        replace_dataset(path, self.to_arrow(timeout=timeout))

    @property
    def full_feature_names(self) -> bool:
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        return [cast(OnDemandFeatureView, Narrowed(each)) for each in self._on_demand_feature_views]

    @property
    def metadata(self) -> RetrievalMetadata | None:
        return self._metadata

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        with connect(self._config.offline_store.threads) as connection:
            if self._entity_rows is None:
                return _run(self._statements[0], connection)
            table = self._entity_rows.table
            connection.register(ENTITY_ROWS, table)
            for statement in self._statements:
                answers = _run(statement, connection)
                for name in answers.column_names:
                    table = table.append_column(name, answers[name])
            return table

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        frame: pd.DataFrame = self._to_arrow_internal(timeout).to_pandas()
        return frame


def _run(statement: str, connection: duckdb.DuckDBPyConnection) -> pa.Table:
    try:
        return connection.sql(statement).to_arrow_table()
    except duckdb.BinderException as error:
        raise DeclarationError(
            [f"what the feature views declare does not fit their Parquet files: {error}"]
        ) from error


class Narrowed:
    """An on-demand view that is given the columns it declares and no others.

    Feast hands it the whole table, and a view in pandas makes a frame of all of it: for eighty
    columns that takes longer than the joins.
    """

    def __init__(self, view: OnDemandFeatureView) -> None:
        self._view = view

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)

    def transform_arrow(self, table: pa.Table, full_feature_names: bool = False) -> pa.Table:
        """The view's features for each row of `table`."""
        declared = set(needed(self._view))
        for projection in self._view.source_feature_view_projections.values():
            for feature in projection.features:
                declared |= {
                    feature.name,
                    f"{projection.name_alias or projection.name}__{feature.name}",
                }
        narrow = table.select([name for name in table.column_names if name in declared])
        if self._view.mode == "python":
            return python_table(self._view, narrow, full_feature_names)
        return self._view.transform_arrow(narrow, full_feature_names)
