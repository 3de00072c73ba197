"""The merged rows become partitions: sorted by key, written aside, moved to their places."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from perennial.declare.sources import Source
from perennial.keep import partitions, quoting
from perennial.keep.fingerprints import of_file
from perennial.keep.progress import progress
from perennial.land.landed import LandedDay

THREADS = 4


def publish(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: Path,
    days: list[date],
    folder: Path,
) -> list[LandedDay]:
    """Publish the rows of `merged` for `days`; a day whose bytes are the same is left alone."""
    counts = dict(connection.execute("SELECT __day, count(*) FROM merged GROUP BY 1").fetchall())
    rows = _sorted(connection, source)
    starts, n_before = {}, 0
    for day in sorted(counts):
        starts[day] = n_before
        n_before += counts[day]
    empty = rows.slice(0, 0)
    with progress(f"landing {source.name}", total=2 * len(days)) as step:

        def write(day: date) -> LandedDay:
            part = rows.slice(starts[day], counts[day]) if day in counts else empty
            file = folder / f"{day.isoformat()}.parquet"
            partitions.write(part, file)
            step(1)
            size = file.stat().st_size
            return LandedDay(day=day, rows=part.num_rows, bytes=size, sha256=of_file(file))

        with ThreadPoolExecutor(THREADS) as pool:
            written = list(pool.map(write, days))
        changed = [each.day for each in written if not _is_there(table, each)]
        files = {day: folder / f"{day.isoformat()}.parquet" for day in changed}
        partitions.publish_files(table, files, step)
    return written


def as_it_lies(table: Path, day: date) -> LandedDay:
    """What a partition holds that is left as it is."""
    file = partitions.partition(table, day)
    n_rows = pq.read_metadata(file).num_rows
    return LandedDay(day=day, rows=n_rows, bytes=file.stat().st_size, sha256=of_file(file))


def _sorted(connection: duckdb.DuckDBPyConnection, source: Source) -> pa.Table:
    names = quoting.names(column.name for column in source.columns)
    order = quoting.names(source.land.key)
    return connection.sql(f"SELECT {names} FROM merged ORDER BY __day, {order}").to_arrow_table()


def _is_there(table: Path, day: LandedDay) -> bool:
    file = partitions.partition(table, day.day)
    return file.exists() and file.stat().st_size == day.bytes and of_file(file) == day.sha256
