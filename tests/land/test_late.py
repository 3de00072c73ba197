"""Late rows: within the lookback they re-open their day, after it they are set aside, counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

DAYS = [f"2013-03-{day:02d}" for day in range(1, 32)]


def nights(shop: Any, first: int, last: int) -> None:
    """Land some days of March, in one go (which a test below shows to be the same)."""
    shop.land(DAYS[first - 1], DAYS[last])


def rows_of(shop: Any, *more: str) -> list[str]:
    """Two rows a day for ten days, and `more`."""
    usual = [shop.order(10 * day + n, DAYS[day - 1]) for day in range(1, 11) for n in (1, 2)]
    return [*usual, *more]


@pytest.mark.parametrize("days_late", [1, 3])
def test_a_row_within_the_lookback_re_opens_its_day(shop: Any, days_late: int) -> None:
    shop.deliver("orders.csv", *rows_of(shop))
    nights(shop, 1, 9)
    day = DAYS[9 - days_late]
    shop.deliver("orders.csv", *rows_of(shop, shop.order(999, day)))
    report = shop.land(DAYS[9], DAYS[10])
    assert [(each.day.isoformat(), each.n_late, each.n_changed) for each in report.reopened] == [
        (day, 1, 0)
    ]
    assert (report.n_late, report.n_too_late, report.n_quarantined) == (1, 0, 0)
    assert shop.ids(day) == [(10 - days_late) * 10 + 1, (10 - days_late) * 10 + 2, 999]
    again = shop.land(DAYS[9], DAYS[10])
    assert (again.n_late, again.reopened) == (0, ())


def test_late_rows_leave_the_same_bytes_as_rows_in_time(shop: Any) -> None:
    shop.deliver("orders.csv", *rows_of(shop))
    nights(shop, 1, 3)
    shop.deliver("orders.csv", *rows_of(shop, shop.order(999, DAYS[2])))
    nights(shop, 4, 4)
    late = (shop.table / f"day={DAYS[2]}/part-0.parquet").read_bytes()
    shop.land(DAYS[2], DAYS[3])
    assert (shop.table / f"day={DAYS[2]}/part-0.parquet").read_bytes() == late


@pytest.mark.parametrize("days_late", [4, 9])
def test_a_row_after_the_lookback_is_set_aside_and_counted(shop: Any, days_late: int) -> None:
    shop.deliver("orders.csv", *rows_of(shop))
    nights(shop, 1, 9)
    day = DAYS[9 - days_late]
    before = shop.rows(day)
    shop.deliver("orders.csv", *rows_of(shop, shop.order(999, day)))
    report = shop.land(DAYS[9], DAYS[10])
    assert (report.n_too_late, report.n_quarantined, report.n_late) == (1, 1, 0)
    assert report.reopened == ()
    assert shop.rows(day) == before
    (row,) = shop.quarantined()
    assert row["reason"].startswith("too late")
    assert (row["file"], row["line"]) == ("inbox/orders.csv", 22)
    assert json.loads(row["text"])["id"] == "999"
    assert shop.land(DAYS[9], DAYS[10]) == report  # twice is once
    assert shop.land(DAYS[10], DAYS[11]).n_quarantined == 0  # not again the night after


def test_a_row_thirty_days_late_is_set_aside(shop: Any) -> None:
    shop.deliver("orders.csv", shop.order(1, DAYS[0]))
    nights(shop, 1, 2)
    shop.deliver("orders.csv", shop.order(1, DAYS[0]), shop.order(2, DAYS[0]))
    assert shop.land(DAYS[29], DAYS[30]).n_too_late == 1


def test_a_late_row_for_a_day_that_landed_empty_re_opens_it(shop: Any) -> None:
    shop.deliver("orders.csv")
    nights(shop, 1, 1)
    shop.deliver("orders.csv", shop.order(1, DAYS[0]))
    assert shop.land(DAYS[1], DAYS[2]).n_late == 1
    assert shop.ids(DAYS[0]) == [1]


def test_a_changed_row_re_opens_its_day(shop: Any) -> None:
    shop.deliver("orders.csv", *rows_of(shop))
    nights(shop, 1, 9)
    shop.deliver("orders.csv", *rows_of(shop, shop.order(91, DAYS[8], 7.5)))
    (each,) = shop.land(DAYS[9], DAYS[10]).reopened
    assert (each.day.isoformat(), each.n_late, each.n_changed) == (DAYS[8], 0, 1)
    assert [row["amount"] for row in shop.rows(DAYS[8])] == [7.5, 1.5]


def test_a_re_opened_day_loses_no_row_that_is_not_delivered_again(shop: Any) -> None:
    shop.deliver("orders.csv", *rows_of(shop))
    nights(shop, 1, 9)
    shop.deliver("orders.csv", shop.order(999, DAYS[8]), shop.order(101, DAYS[9]))
    shop.land(DAYS[9], DAYS[10])
    assert shop.ids(DAYS[8]) == [91, 92, 999]
    assert shop.ids(DAYS[7]) == [81, 82]


def test_a_row_that_moves_to_another_day_leaves_the_old_one(shop: Any) -> None:
    shop.deliver("orders.csv", shop.order(1, DAYS[0]), shop.order(2, DAYS[0]))
    nights(shop, 1, 1)
    shop.deliver("orders.csv", shop.order(1, DAYS[0]), shop.order(2, DAYS[1]))
    report = shop.land(DAYS[1], DAYS[2])
    assert (shop.ids(DAYS[0]), shop.ids(DAYS[1])) == ([1], [2])
    assert [(each.n_late, each.n_changed) for each in report.reopened] == [(0, 1)]


def test_days_that_never_landed_are_not_late(shop: Any) -> None:
    shop.deliver("orders.csv", *rows_of(shop))
    report = shop.land(DAYS[9], DAYS[10])
    assert (report.n_too_late, report.n_late, report.n_outside) == (0, 0, 18)
    assert shop.days() == [DAYS[9]]


def test_a_day_that_is_asked_for_again_takes_its_too_late_rows(shop: Any) -> None:
    shop.deliver("orders.csv", shop.order(1, DAYS[0]))
    nights(shop, 1, 9)
    shop.deliver("orders.csv", shop.order(1, DAYS[0]), shop.order(2, DAYS[0]))
    shop.land(DAYS[9], DAYS[10])
    assert shop.ids(DAYS[0]) == [1]
    shop.land(DAYS[0], DAYS[1])
    assert shop.ids(DAYS[0]) == [1, 2]


def test_nights_that_were_missed_and_caught_up_give_the_same_lake(shop: Any) -> None:
    shop.deliver("orders.csv", *rows_of(shop))
    for day in range(9):
        shop.land(DAYS[day], DAYS[day + 1])
    one_by_one = {path: path.read_bytes() for path in shop.table.rglob("*.parquet")}
    for path in one_by_one:
        path.unlink()
    shop.land(DAYS[0], DAYS[9])
    assert {path: path.read_bytes() for path in shop.table.rglob("*.parquet")} == one_by_one


def test_days_that_landed_under_an_older_contract_are_merged(shop: Any) -> None:
    columns = [
        {"name": "id", "data_type": "integer"},
        {"name": "placed_at", "data_type": "timestamptz"},
    ]
    shop.declare(columns=columns)
    shop.deliver("orders.csv", f"1,{DAYS[0]}T10:00:00Z\n", header="id,placed_at\n")
    nights(shop, 1, 1)
    shop.declare()
    shop.deliver("orders.csv", shop.order(2, DAYS[0]))
    shop.land(DAYS[1], DAYS[2])
    assert [(row["id"], row["note"]) for row in shop.rows(DAYS[0])] == [(1, None), (2, "n")]
