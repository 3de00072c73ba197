"""A small project with two sources, one of them a snapshot, and one mart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from perennial.check.expectations import load
from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep import partitions

SOURCES = """
version: 2
sources:
  - name: raw
    tables:
      - name: orders
        columns:
          - {name: id, data_type: integer}
          - {name: price, data_type: double}
          - {name: shop, data_type: varchar}
          - {name: at, data_type: timestamptz}
        config:
          meta:
            land: {from: {path: orders.csv}, key: [id], event_time: at}
      - name: shops
        columns:
          - {name: shop, data_type: varchar}
        config:
          meta:
            land: {from: {path: shops.csv}, key: [shop], static_from: 2013-01-01}
"""
DAYS = [date(2024, 5, 1), date(2024, 5, 2), date(2024, 5, 3)]
PERIOD = ("2024-05-01", "2024-05-04")

Gate = dict[str, Any]


@pytest.fixture(scope="session", autouse=True)
def _great_expectations() -> None:
    """Import it once, before any test's time is measured."""
    load()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose three days of orders and two shops are landed, without any gate."""
    (tmp_path / "data/marts").mkdir(parents=True)
    (tmp_path / "data/__sources.yml").write_text(SOURCES)
    (tmp_path / "data/marts/sales.sql").write_text("select 1")
    for day in DAYS:
        put(tmp_path / "data/lake/raw/orders", day, orders(day))
        put(tmp_path / "data/lake/marts/sales", day, orders(day))
    put(tmp_path / "data/lake/raw/shops", date(2013, 1, 1), pa.table({"shop": ["north", "south"]}))
    return Project(tmp_path, Settings())


@pytest.fixture
def gated(project: Project) -> Callable[..., Project]:
    """Write gates (keyword: layer_table, value: the YAML's content) and return the project."""

    def write(**gates: Gate) -> Project:
        for name, content in gates.items():
            layer, table = name.split("_", 1)
            path = project.root / f"data/expectations/{layer}/{table}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(content))
        return Project(project.root, Settings())

    return write


def expectation(kind: str, severity: str = "stop", **kwargs: Any) -> dict[str, Any]:
    """One declared expectation."""
    return {"type": kind, "kwargs": kwargs, "severity": severity, "why": f"because of {kind}"}


def orders(day: date, price: float = 5.0, n: int = 10, shop: str | None = "north") -> pa.Table:
    """`n` orders of one day; ids differ between days."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return pa.table(
        {
            "id": pa.array([day.day * 1000 + each for each in range(n)], pa.int32()),
            "price": pa.array([price] * n, pa.float64()),
            "shop": pa.array([shop] * n, pa.string()),
            "at": pa.array([at] * n, pa.timestamp("us", tz="UTC")),
        }
    )


def put(table: Path, day: date, rows: pa.Table) -> Path:
    """Replace one day of a table as a landing would: a new file under the old name."""
    path = partitions.partition(table, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    pq.write_table(rows, path)
    return path


def cheaper(table: pa.Table, position: int, price: float) -> pa.Table:
    """The table with one price changed."""
    prices = table["price"].to_pylist()
    prices[position] = price
    return table.set_column(1, "price", pa.array(prices, pa.float64()))
