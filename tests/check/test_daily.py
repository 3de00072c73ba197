"""The table of days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from perennial.check import check
from perennial.check.daily import by_day
from perennial.check.rows import hold, read
from perennial.declare.gates import Gate
from perennial.declare.project import Project
from perennial.errors import GateStoppedError
from perennial.keep import partitions

from .conftest import DAYS, PERIOD, expectation, orders, put

NEEDS = Gate.model_validate({"daily": [expectation("expect_x", column="missing_share_shop")]})


def test_each_calendar_day_is_a_row_with_its_count_and_missing_shares(tmp_path: Path) -> None:
    halves = orders(DAYS[0], n=4).set_column(2, "shop", pa.array(["a", None, None, "b"]))
    put(tmp_path / "t", DAYS[0], halves)
    put(tmp_path / "t", DAYS[2], orders(DAYS[2], n=3))
    (tmp_path / "held").mkdir()
    rows = read(hold(tmp_path / "t", DAYS, tmp_path / "held"), NEEDS)
    table = by_day(rows, DAYS)
    assert list(table.columns) == ["day", "n_rows", "missing_share_shop"]
    assert list(table["day"]) == DAYS
    assert list(table["n_rows"]) == [4, 0, 3]
    assert table["missing_share_shop"].fillna(-1).tolist() == [0.5, -1, 0]


def test_a_missing_day_fails_a_daily_row_count(gated: Callable[..., Project]) -> None:
    count = expectation("expect_column_values_to_be_between", column="n_rows", min_value=5)
    project = gated(raw_orders={"daily": [count]})
    partitions.withdraw(project.lake / "raw/orders", date(2024, 5, 2))
    with pytest.raises(GateStoppedError) as stop:
        check("raw", *PERIOD, project=project)
    assert "example: n_rows 0 (day 2024-05-02)" in str(stop.value)
    assert "declared: data/expectations/raw/orders.yaml: daily.0" in str(stop.value)


def test_a_column_that_goes_missing_on_one_day_is_seen(gated: Callable[..., Project]) -> None:
    share = expectation(
        "expect_column_max_to_be_between", column="missing_share_shop", max_value=0.1
    )
    project = gated(raw_orders={"daily": [share]})
    put(project.lake / "raw/orders", DAYS[1], orders(DAYS[1], shop=None))
    with pytest.raises(GateStoppedError, match="observed 1"):
        check("raw", *PERIOD, project=project)
