"""A small project with one source, `orders`, whose deliveries the tests write by hand."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep import partitions
from perennial.land import LandedSource, land
from perennial.land.ledger import path_of

HEADER = "id,placed_at,amount,is_paid,due_on,note\n"

COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "data_type": "integer", "constraints": [{"type": "not_null"}]},
    {"name": "placed_at", "data_type": "timestamptz", "constraints": [{"type": "not_null"}]},
    {"name": "amount", "data_type": "double"},
    {"name": "is_paid", "data_type": "boolean"},
    {"name": "due_on", "data_type": "date"},
    {"name": "note", "data_type": "varchar"},
]


def order(number: int, day: str, amount: float = 1.5, note: str = "n") -> str:
    """One line of a delivery."""
    return f"{number},{day}T10:00:00Z,{amount},true,{day},{note}\n"


class Shop:
    """The project, with what tests do to it."""

    order = staticmethod(order)
    header = HEADER

    def __init__(self, root: Path) -> None:
        self.root = root
        self.declare()

    def declare(self, *, columns: list[dict[str, Any]] | None = None, **fields: Any) -> None:
        """Write the source; `fields` go over the defaults of `land`, None takes one away."""
        self.declare_all({"orders": fields}, columns)

    def declare_all(
        self, sources: dict[str, dict[str, Any]], columns: list[dict[str, Any]] | None = None
    ) -> None:
        """Write several sources of the same columns."""
        tables = []
        for name, fields in sources.items():
            fields = dict(fields)
            declared: dict[str, Any] = {
                "from": fields.pop("place", {"path": f"inbox/{name}*.csv"}),
                "key": ["id"],
                "event_time": "placed_at",
                "lookback_days": 3,
                **fields,
            }
            declared = {key: value for key, value in declared.items() if value is not None}
            tables.append(
                {
                    "name": name,
                    "description": "One row per order.",
                    "columns": columns or COLUMNS,
                    "config": {"meta": {"land": declared}},
                }
            )
        document = {"version": 2, "sources": [{"name": "raw", "tables": tables}]}
        (self.root / "data").mkdir(exist_ok=True)
        (self.root / "data/__sources.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
        self.project = Project(self.root, Settings(project=None, ledger_url=None, mlflow_uri=None))

    def deliver(self, name: str, *lines: str, header: str = HEADER) -> Path:
        """Write a file into the inbox."""
        path = self.root / "inbox" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(header + "".join(lines), encoding="utf-8")
        return path

    def post(self, *rows: dict[str, Any], segment: str = "1", tail: str = "") -> None:
        """Append events to the source's journal, and then `tail` as it is."""
        path = self.project.var / "journal/events/orders" / f"{segment:0>4}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            for seq, row in enumerate(rows, 1):
                event = {"seq": seq, "received_at": "2013-03-01T12:00:00.123Z", "row": row}
                file.write(json.dumps(event) + "\n")
            file.write(tail)

    def land(self, start: str = "2013-03-01", end: str = "2013-03-02") -> LandedSource:
        """Land the orders and give back their report."""
        return land("orders", start, end, project=self.project).of("orders")

    @property
    def table(self) -> Path:
        """The partitions of the orders."""
        return self.project.lake / "raw" / "orders"

    def days(self) -> list[str]:
        """The days that lie in the lake."""
        return [day.isoformat() for day in partitions.days_of(self.table)]

    def rows(self, day: str = "2013-03-01") -> list[dict[str, Any]]:
        """The rows of one day; none when it is not there."""
        file = partitions.partition(self.table, date.fromisoformat(day))
        found: list[dict[str, Any]] = (
            pq.ParquetFile(file).read().to_pylist() if file.exists() else []
        )
        return found

    def ids(self, day: str = "2013-03-01") -> list[int]:
        """The keys of one day, as they lie."""
        return [row["id"] for row in self.rows(day)]

    def quarantined(self) -> list[dict[str, Any]]:
        """All rows that were set aside."""
        folder = self.project.lake / "quarantine/raw/orders"
        found: list[dict[str, Any]] = []
        for file in sorted(folder.glob("day=*/*.parquet")):
            found += pq.ParquetFile(file).read().to_pylist()
        return found

    def everything(self) -> dict[str, bytes]:
        """Every byte that landing leaves behind: the lake and the ledger."""
        found = {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.project.lake.rglob("*"))
            if path.is_file()
        }
        ledger = path_of(self.project, "orders")
        if ledger.exists():
            found["ledger"] = ledger.read_bytes()
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A project with the source `orders`, read from `inbox/orders*.csv`."""
    return Shop(tmp_path)
