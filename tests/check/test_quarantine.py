"""Rows set aside: the others go on, none is lost, and too many stop the table."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

import duckdb
import pyarrow.parquet as pq
import pytest

from perennial.check import check
from perennial.declare.project import Project
from perennial.errors import GateStoppedError
from perennial.keep import partitions

from .conftest import DAYS, PERIOD, cheaper, expectation, orders, put

Gated = Callable[..., Project]
CHEAP = expectation(
    "expect_column_values_to_be_between", "quarantine", column="price", max_value=100
)
HALF = {"expectations": [CHEAP], "max_quarantined_share": 0.5}


def published(project: Project, day: date) -> list[int]:
    file = partitions.partition(project.lake / "checked/raw/orders", day)
    return list(pq.read_table(file, partitioning=None)["id"].to_pylist()) if file.exists() else []


def aside(project: Project) -> list[tuple[date, str, str, str]]:
    files = project.lake / "quarantine/raw/orders/day=*/*.parquet"
    if not list(project.lake.glob("quarantine/raw/orders/day=*/*")):
        return []
    query = f"select day, text, expectation, reason from '{files}' order by all"
    return duckdb.sql(query).fetchall()


def test_the_failing_row_is_set_aside_with_its_reason_and_the_others_go_on(gated: Gated) -> None:
    project = gated(raw_orders=HALF)
    put(project.lake / "raw/orders", DAYS[1], cheaper(orders(DAYS[1]), 3, 999.0))
    table = check("raw", *PERIOD, project=project).table("orders")
    assert (table.n_quarantined, table.n_days_rewritten) == (1, 1)
    assert published(project, DAYS[1]) == [2000, 2001, 2002, *range(2004, 2010)]
    ((day, row, kind, reason),) = aside(project)
    assert (day, kind, reason) == (DAYS[1], CHEAP["type"], CHEAP["why"])
    assert json.loads(row) == {
        "id": 2003, "price": 999.0, "shop": "north", "at": "2024-05-02 12:00:00+00:00",
    }  # fmt: skip


def test_a_day_without_bad_rows_stays_the_landed_file(gated: Gated) -> None:
    project = gated(raw_orders=HALF)
    bad = put(project.lake / "raw/orders", DAYS[1], cheaper(orders(DAYS[1]), 3, 999.0))
    check("raw", *PERIOD, project=project)
    good = partitions.partition(project.lake / "raw/orders", DAYS[0])
    checked = project.lake / "checked/raw/orders"
    assert partitions.partition(checked, DAYS[0]).samefile(good)
    assert not partitions.partition(checked, DAYS[1]).samefile(bad)
    assert pq.read_table(bad, partitioning=None).num_rows == 10


def test_nothing_is_lost_and_nothing_doubled(gated: Gated) -> None:
    project = gated(raw_orders=HALF)
    for position, day in enumerate(DAYS):
        put(project.lake / "raw/orders", day, cheaper(orders(day), position, 101.0))
    for _ in range(2):
        check("raw", *PERIOD, project=project)
        kept = [each for day in DAYS for each in published(project, day)]
        gone = [json.loads(row)["id"] for _, row, _, _ in aside(project)]
        assert sorted(kept + gone) == [day.day * 1000 + n for day in DAYS for n in range(10)]
        assert gone == [1000, 2001, 3002]


def test_a_repaired_day_leaves_the_quarantine(gated: Gated) -> None:
    project = gated(raw_orders=HALF)
    put(project.lake / "raw/orders", DAYS[1], cheaper(orders(DAYS[1]), 3, 999.0))
    check("raw", *PERIOD, project=project)
    put(project.lake / "raw/orders", DAYS[1], orders(DAYS[1]))
    check("raw", *PERIOD, project=project)
    assert aside(project) == []
    assert len(published(project, DAYS[1])) == 10


def test_a_row_that_fails_twice_is_one_row_with_both_reasons(gated: Gated) -> None:
    round_price = expectation(
        "expect_column_values_to_be_in_set", "quarantine", column="price", value_set=[5.0]
    )
    project = gated(raw_orders={**HALF, "expectations": [CHEAP, round_price]})
    put(project.lake / "raw/orders", DAYS[1], cheaper(orders(DAYS[1]), 3, 999.0))
    assert check("raw", *PERIOD, project=project).table("orders").n_quarantined == 1
    ((_, _, kinds, reason),) = aside(project)
    assert kinds == f"{CHEAP['type']}; {round_price['type']}"
    assert reason == f"{CHEAP['why']}; {round_price['why']}"


def test_more_than_the_accepted_share_stops_and_publishes_nothing(gated: Gated) -> None:
    project = gated(raw_orders={"expectations": [CHEAP], "max_quarantined_share": 0.1})
    put(project.lake / "raw/orders", DAYS[1], cheaper(orders(DAYS[1], n=4), 3, 999.0))
    accepted = check("raw", *PERIOD, project=project).table("orders")
    assert accepted.n_quarantined == 1  # of 24
    put(project.lake / "raw/orders", DAYS[0], orders(DAYS[0], price=999.0, n=4))
    with pytest.raises(GateStoppedError) as stop:
        check("raw", *PERIOD, project=project)
    assert "raw.orders: max_quarantined_share (stop)" in str(stop.value)
    assert "asked: at most 10 % of the rows set aside" in str(stop.value)
    assert "found: 5 of 18 would be set aside (27.8 %)" in str(stop.value)
    assert len(published(project, DAYS[0])) == 10  # as it was published before
    assert len(aside(project)) == 1


def test_a_day_of_which_nothing_is_left_is_withdrawn(gated: Gated) -> None:
    project = gated(raw_orders=HALF)
    check("raw", *PERIOD, project=project)
    put(project.lake / "raw/orders", DAYS[1], orders(DAYS[1], price=999.0))
    check("raw", *PERIOD, project=project)
    assert published(project, DAYS[1]) == []
    assert len(aside(project)) == 10


def test_what_others_set_aside_on_the_day_stays(gated: Gated) -> None:
    project = gated(raw_orders=HALF)
    put(project.lake / "quarantine/raw/orders", DAYS[1], orders(DAYS[1], n=1))
    for price in (999.0, 5.0):
        put(project.lake / "raw/orders", DAYS[1], cheaper(orders(DAYS[1]), 3, price))
        check("raw", *PERIOD, project=project)
    assert partitions.days_of(project.lake / "quarantine/raw/orders") == [DAYS[1]]


def test_with_mostly_the_few_accepted_rows_stay(gated: Gated) -> None:
    mostly = {**CHEAP, "kwargs": {**CHEAP["kwargs"], "mostly": 0.9}}
    project = gated(raw_orders={**HALF, "expectations": [mostly]})
    put(project.lake / "raw/orders", DAYS[1], cheaper(orders(DAYS[1]), 3, 999.0))
    table = check("raw", *PERIOD, project=project).table("orders")
    assert (table.n_quarantined, table.findings[0].outcome) == (0, "passed")


def test_a_row_is_set_aside_before_its_day_is_published(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = gated(raw_orders=HALF)
    check("raw", *PERIOD, project=project)
    put(project.lake / "raw/orders", DAYS[1], cheaper(orders(DAYS[1]), 3, 999.0))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(partitions, "publish_files", dies)
        with pytest.raises(KeyboardInterrupt):
            check("raw", *PERIOD, project=project)
    assert [json.loads(row)["id"] for _, row, _, _ in aside(project)] == [2003]
    assert 2003 in published(project, DAYS[1])
    check("raw", *PERIOD, project=project)
    assert 2003 not in published(project, DAYS[1])
    assert len(aside(project)) == 1
