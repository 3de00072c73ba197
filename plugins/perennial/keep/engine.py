"""The one way to open DuckDB: in memory, in UTC, quiet."""

from __future__ import annotations

import duckdb


def connect(threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A fresh in-memory DuckDB connection whose session time zone is UTC.

    `threads` bounds the cores it uses; None leaves DuckDB's default. Installing or loading
    extensions from the network is switched off: what the wheel brings is all there is.
    """
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET autoinstall_known_extensions = false")
    if threads is not None:
        connection.execute(f"SET threads = {int(threads)}")
    return connection
