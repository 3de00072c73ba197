"""Fresh features out of events: what is told must be what the whole story would say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.features import stream
from perennial.features.stream import FreshView, Stream
from perennial.layer.compiled import Compiled

START = datetime(2024, 3, 1, tzinfo=UTC)
HOURS = 12.0
WINDOW = "range between interval 4 hour preceding and current row"
SQL = f"""
    SELECT DISTINCT shop, count(*) OVER w AS n_orders, sum(items) OVER w AS n_items,
        placed_at AS event_timestamp, placed_at AS created_timestamp
    FROM (SELECT * FROM raw_orders) WINDOW w AS (PARTITION BY shop ORDER BY placed_at {WINDOW})
"""
VIEW = FreshView(
    name="shop_orders", push_source="shop_orders_push", mart="shop_orders", keys=("shop",),
    columns=("shop", "n_orders", "n_items", "event_timestamp", "created_timestamp"), hours=HOURS,
)  # fmt: skip
COLUMNS = {"id": "bigint", "shop": "varchar", "items": "bigint", "placed_at": "timestamptz"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    land = {"from": {"path": "x"}, "key": ["id"], "event_time": "placed_at"}
    land["events"] = {"from": "orders", "moments": {"placed_at": []}}
    table = {
        "name": "orders",
        "description": "One row per order.",
        "columns": [{"name": name, "data_type": kind} for name, kind in COLUMNS.items()],
        "config": {"meta": {"land": land}},
    }
    (tmp_path / "data").mkdir()
    document = {"version": 2, "sources": [{"name": "raw", "tables": [table]}]}
    (tmp_path / "data/__sources.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    compiled = Compiled(
        queries={"shop_orders": SQL}, reads={"shop_orders": ()},
        sources={"shop_orders": ("orders",)},
    )  # fmt: skip
    monkeypatch.setattr(stream, "compile_project", lambda _: compiled)
    return Project(tmp_path, Settings(project=None, mlflow_uri=None, ledger_url=None))


def order(number: int, shop: str, hours: float, items: int = 1) -> dict[str, Any]:
    placed_at = (START + timedelta(hours=hours)).isoformat()
    return {"id": number, "shop": shop, "items": items, "placed_at": placed_at}


class Store:
    """An online store: per shop what was told last, unless it is older than what is there."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def push(self, told: dict[str, Any]) -> None:
        for table in told.values():
            for row in table.to_pylist():
                old = self.rows.get(row["shop"])
                if old is None or row["event_timestamp"] >= old["event_timestamp"]:
                    self.rows[row["shop"]] = row


def truth(orders: list[dict[str, Any]]) -> dict[str, tuple[datetime, int, int]]:
    """Per shop the moment of its last order, and orders and items of the four hours up to it."""
    found = {}
    for shop in {each["shop"] for each in orders}:
        own = [
            (datetime.fromisoformat(each["placed_at"]), each["items"])
            for each in orders
            if each["shop"] == shop
        ]
        last = max(moment for moment, _ in own)
        recent = [items for moment, items in own if moment >= last - timedelta(hours=4)]
        found[shop] = (last, len(recent), sum(recent))
    return found


def test_a_changed_value_is_told_once(project: Project) -> None:
    told = Stream(project, [VIEW])
    told.take("orders", [order(1, "a", 0.0)], 1)
    assert told.changes({"orders"})["shop_orders"].num_rows == 1
    told.take("orders", [order(1, "a", 0.0)], 2)  # posted again
    assert told.changes({"orders"}) == {}
    told.take("orders", [order(1, "a", 0.0, items=7)], 3)  # corrected
    assert told.changes({"orders"})["shop_orders"]["n_items"].to_pylist() == [7]


def test_a_quiet_entity_is_not_told_anew_when_its_past_is_dropped(project: Project) -> None:
    told = Stream(project, [VIEW])
    told.take("orders", [order(1, "quiet", 0.0), order(2, "quiet", 3.0)], 1)
    store = Store()
    store.push(told.changes({"orders"}))
    for number in range(3, 40):
        told.take("orders", [order(number, "busy", float(number))], number)
        store.push(told.changes({"orders"}))
    assert store.rows["quiet"]["n_orders"] == 2


@pytest.mark.parametrize("seed", range(5))
def test_through_batches_and_restarts_the_store_says_what_the_whole_story_says(
    project: Project, seed: int
) -> None:
    random = np.random.default_rng(seed)
    hours = np.sort(random.uniform(0, 100, 300))
    shops = random.choice(["a", "b", "c", "d"], 300, p=[0.9, 0.07, 0.02, 0.01])
    orders = [
        order(number, str(shop), float(hour), int(items))
        for number, (shop, hour, items) in enumerate(
            zip(shops, hours, random.integers(1, 9, 300), strict=True)
        )
    ]
    told, store, read, needed_from = Stream(project, [VIEW]), Store(), 0, 1
    while read < len(orders):
        until = min(len(orders), read + int(random.integers(1, 20)))
        told.take("orders", orders[read:until], read + 1)
        if random.random() < 0.15:  # killed before anything was told, and started again
            told = Stream(project, [VIEW], {"orders": needed_from == 1})
            told.take("orders", orders[needed_from - 1 : until], needed_from)
        store.push(told.changes({"orders"}))
        read, needed_from = until, told.needed_from("orders")
        seen = {
            shop: (row["event_timestamp"], row["n_orders"], row["n_items"])
            for shop, row in store.rows.items()
        }
        assert seen == truth(orders[:read])


def test_what_claims_to_come_from_the_future_neither_stands_nor_ages_the_rest(
    project: Project,
) -> None:
    told, store = Stream(project, [VIEW]), Store()
    told.take("orders", [order(1, "a", 0.0), order(2, "a", 1.0)], 1)
    store.push(told.changes({"orders"}))
    told.take("orders", [order(3, "a", 24.0 * 365 * 150)], 3)
    store.push(told.changes({"orders"}))
    told.take("orders", [order(4, "a", 2.0)], 4)
    store.push(told.changes({"orders"}))
    assert store.rows["a"]["event_timestamp"] == START + timedelta(hours=2)
    assert store.rows["a"]["n_orders"] == 3
