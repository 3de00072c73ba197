"""The rows that features are asked for: keys and a moment each, from wherever they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from perennial.features.asof_sql import Span
from perennial.features.view_rows import ViewRows
from perennial.keep.quoting import name as quote

TIME_COLUMN = "event_timestamp"


@dataclass(frozen=True)
class EntityRows:
    """Keys and moments, in the asker's order, with whatever other columns the asker brought."""

    table: pa.Table
    time_column: str
    span: Span | None
    """The first and last moment; None when there are no rows."""
    query: str | None = None
    """The SQL that they come from, if they do."""

    @classmethod
    def of(
        cls, given: pd.DataFrame | pa.Table | str, connection: duckdb.DuckDBPyConnection
    ) -> EntityRows:
        """From a DataFrame, an Arrow table or a SELECT that DuckDB runs."""
        if isinstance(given, str):
            table = connection.sql(given).to_arrow_table()
        elif isinstance(given, pa.Table):
            table = given
        elif isinstance(given, pd.DataFrame):
            table = pa.Table.from_pandas(given, preserve_index=False)
        else:
            raise ValueError(
                f"entity_df is a {type(given).__name__}; it must be a pandas DataFrame, "
                "an Arrow table, a SELECT statement, or None with start_date and end_date."
            )
        time_column = _time_column(table.schema)
        table = _in_utc(table, time_column, connection)
        bounds = pc.min_max(table[time_column]).as_py()
        span = None if bounds["min"] is None else Span(bounds["min"], bounds["max"])
        return cls(table, time_column, span, given if isinstance(given, str) else None)

    def require(self, views: Sequence[ViewRows]) -> None:
        """Raise `ValueError` when a key is missing or a feature would hide a column."""
        has = self.table.column_names
        for view in views:
            missing = [key for _, key in view.keys if key not in has]
            if missing:
                raise ValueError(
                    f"entity_df lacks {missing}, by which feature view '{view.name}' is joined; "
                    f"it has {has}."
                )
            hidden = [name for _, name in view.features if name in has]
            if hidden:
                raise ValueError(
                    f"entity_df has columns {hidden}, which feature view '{view.name}' would add; "
                    "rename them or ask with full_feature_names=True."
                )


def _time_column(schema: pa.Schema) -> str:
    if TIME_COLUMN in schema.names:
        return TIME_COLUMN
    moments = [field.name for field in schema if pa.types.is_timestamp(field.type)]
    if len(moments) != 1:
        raise ValueError(
            f"entity_df needs a column '{TIME_COLUMN}' (or exactly one timestamp column); "
            f"it has {schema.names}, of which timestamps: {moments}."
        )
    return str(moments[0])


def _in_utc(table: pa.Table, time_column: str, connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """`table` with its moments to the microsecond in UTC; naive ones and texts are UTC already."""
    connection.register("asked", table.select([time_column]))
    time = quote(time_column)
    moments = connection.sql(f"SELECT CAST({time} AS TIMESTAMPTZ) AS {time} FROM asked")
    place = table.column_names.index(time_column)
    return table.set_column(place, time_column, moments.to_arrow_table()[time_column])
