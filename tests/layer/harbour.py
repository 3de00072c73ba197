"""A tiny dbt project about ships: one source, three marts, one test of dbt's own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep import partitions

FIRST = date(2024, 5, 1)
DBT_PROJECT = {
    "name": "harbour",
    "config-version": 2,
    "profile": "harbour",
    "model-paths": ["staging", "marts"],
    "macro-paths": [],
    "test-paths": [],
    "flags": {"send_anonymous_usage_stats": False, "version_check": False, "partial_parse": False},
    "vars": {"start": "2024-05-01", "end": "2024-05-02", "raw": "x"},
    "models": {"harbour": {"+options": {"partition_by": "day", "overwrite_or_ignore": True}}},
}
PROFILE = {
    "type": "duckdb",
    "path": ":memory:",
    "external_root": "{{ var('out', 'out') }}",
    "threads": 1,
    "settings": {"TimeZone": "UTC", "threads": 1},
}
WITHIN = "day >= date '{{ var(\"start\") }}' and day < date '{{ var(\"end\") }}'"
EXTERNAL = '{{ config(materialized="external") }}\n'
TIMES = "moored_at as event_timestamp, moored_at as created_timestamp, cast(moored_at as date)"
# A mart and a source share the name `ships`.
SHIPS = f"""{EXTERNAL}
with moored as (select ship, tonnes, {TIMES} as day from {{{{ source("raw", "ships") }}}})
select * from moored where {WITHIN} order by event_timestamp, ship
"""
TONNES = f"""{EXTERNAL}
with moored as (select *, {TIMES} as day from {{{{ ref("stg_ships") }}}}),
daily as (select day, sum(tonnes) as tonnes, count(*) as n_ships from moored group by day)
select tonnes, n_ships, cast(day + 1 as timestamptz) as event_timestamp,
    cast(day + 1 as timestamptz) as created_timestamp, day
from daily where {WITHIN} order by day
"""
WRECKS = f"""{EXTERNAL}
select ship, {TIMES} as day from {{{{ ref("stg_ships") }}}} where tonnes < 0
"""
SQL = {
    "staging/stg_ships.sql": 'select * from {{ source("raw", "ships") }}\n',
    "marts/ships.sql": SHIPS,
    "marts/tonnes.sql": TONNES,
    "marts/wrecks.sql": WRECKS,
}
COLUMNS = {"ship": "varchar", "tonnes": "double", "moored_at": "timestamptz"}


class Harbour:
    """The project, with what tests do to it."""

    def __init__(self, root: Path) -> None:
        self.project = Project(root, Settings(project=None, mlflow_uri=None, ledger_url=None))
        land = {"from": {"path": "x.csv"}, "key": ["ship", "moored_at"], "event_time": "moored_at"}
        table = {
            "name": "ships",
            "description": "One row per mooring.",
            "columns": [{"name": name, "data_type": kind} for name, kind in COLUMNS.items()],
            "config": {"meta": {"land": land}},
        }
        where = {"meta": {"external_location": "{{ var('raw') }}"}}
        source = {"name": "raw", "config": where, "tables": [table]}
        self.write("__sources.yml", yaml.safe_dump({"version": 2, "sources": [source]}))
        self.write("dbt_project.yml", yaml.safe_dump(DBT_PROJECT))
        profiles = {"harbour": {"target": "lake", "outputs": {"lake": PROFILE}}}
        self.write("profiles.yml", yaml.safe_dump(profiles))
        for name, text in SQL.items():
            self.write(name, text)
        (root / "data/staging/__sources.yml").symlink_to("../__sources.yml")

    def write(self, name: str, text: str) -> Path:
        """Write a file below `data/`."""
        path = self.project.root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def moor(self, day: date, *ships: tuple[str, float]) -> None:
        """Make ships the whole of a checked day; the n-th comes at n o'clock."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        times = [midnight + timedelta(hours=hour) for hour in range(len(ships))]
        rows = pa.table(
            {
                "ship": [ship for ship, _ in ships],
                "tonnes": pa.array([tonnes for _, tonnes in ships], pa.float64()),
                "moored_at": pa.array(times, pa.timestamp("us", "UTC")),
            }
        )
        lake = self.project.lake
        partitions.publish(lake / "checked" / "raw" / "ships", day, rows, lake)

    def lie(self) -> dict[str, bytes]:
        """Every file of the marts with its bytes."""
        marts = self.project.lake / "marts"
        files = sorted(path for path in marts.rglob("*") if path.is_file())
        return {path.relative_to(marts).as_posix(): path.read_bytes() for path in files}


def day(number: int) -> date:
    """The day so many days after the first."""
    return FIRST + timedelta(days=number)


def period(first: int, end: int) -> tuple[str, str]:
    """From one day to another, as strings."""
    return str(day(first)), str(day(end))


def rows_of(report: Any) -> dict[str, tuple[int, int, int]]:
    """Per mart its days, rows and withdrawn days."""
    return {each.mart: (each.n_days, each.n_rows, each.n_withdrawn_days) for each in report.marts}
