"""The stage `layer`: builds the marts of a period and publishes them day by day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from perennial.declare.project import Project
from perennial.errors import DeclarationError
from perennial.keep import locks, partitions
from perennial.keep.engine import connect
from perennial.keep.progress import progress
from perennial.keep.report import Report
from perennial.layer import dbt

NO_DAY = "day=__HIVE_DEFAULT_PARTITION__"


class LayeredMart(Report):
    """One mart's part of the period."""

    mart: str
    n_days: int
    n_rows: int
    n_withdrawn_days: int


class Layered(Report):
    """What the stage `layer` did."""

    start: str
    end: str
    marts: tuple[LayeredMart, ...]
    n_tests_passed: int
    warnings: tuple[str, ...] = ()


def layer(start: str, end: str, *, project: Project | None = None) -> Layered:
    """Build the marts of the days `start <= day < end` with dbt, tests included.

    Reads `data/lake/checked/raw`; writes `data/lake/marts`, each day whole or not at all, and only
    when every test of dbt has passed. Twice is the same as once: a day is replaced, and a day that
    no longer has rows is withdrawn. Raises `DeclarationError` for wrong SQL, `GateStoppedError`
    when a test fails, `BusyError` when another run builds.
    """
    project = project or Project.find()
    days = partitions.days_between(*partitions.period(start, end))
    with (
        locks.exclusive(project.var / "locks", "layer"),
        partitions.aside(project.lake) as out,
        progress(f"layer {start} to {end}: dbt builds the marts"),
    ):
        for mart in project.marts:
            (out / mart).mkdir()
        variables = {"start": start, "end": end, "out": str(out), "raw": dbt.raw_location(project)}
        results = dbt.run(project, "build", variables, "--exclude-resource-type", "unit_test")
        built = {mart: _built(project, mart, out / mart) for mart in sorted(project.marts)}
        marts = tuple(_publish(project, mart, files, days) for mart, files in built.items())
    tests = [each for each in results if str(each.node.resource_type) in ("test", "unit_test")]
    return Layered(
        start=start,
        end=end,
        marts=marts,
        n_tests_passed=sum(str(each.status) == "pass" for each in tests),
        warnings=tuple(
            sorted(
                f"{each.node.name}: {each.message}" for each in tests if str(each.status) == "warn"
            )
        ),
    )


def _built(project: Project, mart: str, out: Path) -> dict[date, Path]:
    """The file of each day that dbt has written for a mart."""
    folders = sorted(out.glob("day=*"))
    if not folders:
        raise DeclarationError(
            [
                f"{project.shown(project.marts[mart])}: dbt has not written it; begin it with "
                '{{ config(materialized="external") }}'
            ]
        )
    with connect() as connection:
        files = {folder.name: _single(connection, folder) for folder in folders}
    if NO_DAY in files:
        _must_be_empty(project, mart, files.pop(NO_DAY))
    return {date.fromisoformat(name.removeprefix("day=")): file for name, file in files.items()}


def _publish(project: Project, mart: str, files: dict[date, Path], days: list[date]) -> LayeredMart:
    """Move each built day into the lake; a day of the period without rows is withdrawn."""
    table = project.lake / "marts" / mart
    n_rows = sum(pq.read_metadata(file).num_rows for file in files.values())
    partitions.publish_files(table, files, lambda _: None)
    withdrawn = [day for day in days if day not in files and partitions.withdraw(table, day)]
    return LayeredMart(mart=mart, n_days=len(files), n_rows=n_rows, n_withdrawn_days=len(withdrawn))


def _must_be_empty(project: Project, mart: str, file: Path) -> None:
    """A mart without any row leaves one row of nulls without a day; more than that is a mistake."""
    rows = pq.ParquetFile(file).read()
    if rows.num_rows > 1 or any(column.null_count < rows.num_rows for column in rows.columns):
        raise DeclarationError(
            [
                f"{project.shown(project.marts[mart])}: {rows.num_rows} rows have no day; "
                "each row needs one"
            ]
        )


def _single(connection: object, folder: Path) -> Path:
    """The folder's only Parquet file; several (one per thread of the writer) are merged."""
    files = sorted(folder.glob("*.parquet"))
    if len(files) == 1:
        return files[0]
    merged = folder / "merged.parquet"
    connection.execute(  # type: ignore[attr-defined]  # duckdb ships no types
        f"COPY (SELECT * FROM read_parquet({[str(each) for each in files]})) "
        f"TO '{merged}' (FORMAT parquet, COMPRESSION zstd)"
    )
    return merged
