"""What `land` promises: idempotent, whole days, deterministic, counted."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from perennial.errors import (
    ContractBrokenError,
    DeclarationError,
    PerennialError,
    UnavailableError,
)
from perennial.keep.fingerprints import of_file
from perennial.land import land
from perennial.land.ledger import path_of


def test_rows_land_in_the_utc_day_of_their_event_time(shop: Any) -> None:
    shop.deliver(
        "orders.csv",
        "1,2013-03-01T23:30:00-05:00,1.5,true,2013-03-01,late evening in New York\n",
        shop.order(2, "2013-03-01"),
    )
    report = shop.land("2013-03-01", "2013-03-03")
    assert shop.ids("2013-03-01") == [2]
    assert shop.ids("2013-03-02") == [1]
    assert [(each.day.isoformat(), each.rows) for each in report.days] == [
        ("2013-03-01", 1),
        ("2013-03-02", 1),
    ]
    assert report.n_delivered == report.n_landed == 2


def test_the_period_is_half_open_and_other_days_wait_for_their_turn(shop: Any) -> None:
    days = ("2013-02-28", "2013-03-01", "2013-03-02")
    shop.deliver("orders.csv", *(shop.order(n, day) for n, day in enumerate(days)))
    report = shop.land("2013-03-01", "2013-03-02")
    assert shop.days() == ["2013-03-01"]
    assert (report.n_landed, report.n_outside, report.n_quarantined) == (1, 2, 0)


def test_landing_twice_leaves_the_very_same_bytes_and_report(shop: Any) -> None:
    shop.deliver("orders.csv", *(shop.order(n, "2013-03-01") for n in range(50)), "x,y\n")
    first = shop.land()
    before = shop.everything()
    stamps = {path: path.stat().st_mtime_ns for path in shop.table.rglob("*.parquet")}
    assert shop.land() == first
    assert shop.everything() == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps  # not even rewritten


def test_the_order_of_delivery_does_not_change_the_bytes(shop: Any) -> None:
    lines = [shop.order(n, "2013-03-01") for n in range(200)]
    shop.deliver("orders.csv", *lines)
    shop.land()
    before = of_file(shop.table / "day=2013-03-01/part-0.parquet")
    shop.deliver("orders.csv", *reversed(lines))
    shop.land()
    assert of_file(shop.table / "day=2013-03-01/part-0.parquet") == before
    assert shop.ids() == list(range(200))


def test_values_have_their_declared_types_and_declared_nulls_are_null(shop: Any) -> None:
    shop.declare(nulls=["NA", ""])
    shop.deliver("orders.csv", '7,2013-03-01T10:00:00Z,NA,false,2013-03-09,"a, ""b""\nc"\n',
                 "8,2013-03-01T10:00:00Z,,,,NA\n")  # fmt: skip
    shop.land()
    first, second = shop.rows()
    assert (first["id"], first["amount"], first["is_paid"]) == (7, None, False)
    assert first["due_on"].isoformat() == "2013-03-09"
    assert first["placed_at"].isoformat() == "2013-03-01T10:00:00+00:00"
    assert first["note"] == 'a, "b"\nc'
    assert [second[name] for name in ("amount", "is_paid", "due_on", "note")] == [None] * 4


def test_identical_rows_land_once_and_the_last_of_different_ones_wins(shop: Any) -> None:
    shop.deliver("orders-a.csv", shop.order(1, "2013-03-01", 1), shop.order(2, "2013-03-01", 1))
    shop.deliver("orders-b.csv", shop.order(1, "2013-03-01", 1), shop.order(2, "2013-03-01", 2),
                 shop.order(2, "2013-03-01", 3))  # fmt: skip
    report = shop.land()
    assert [(row["id"], row["amount"]) for row in shop.rows()] == [(1, 1.0), (2, 3.0)]
    assert (report.n_delivered, report.n_landed) == (5, 2)
    assert (report.n_duplicates, report.n_superseded) == (1, 2)


def test_the_same_file_under_another_name_changes_nothing(shop: Any) -> None:
    shop.deliver("orders-1.csv", shop.order(1, "2013-03-01"))
    shop.land()
    before = of_file(shop.table / "day=2013-03-01/part-0.parquet")
    shop.deliver("orders-2.csv", shop.order(1, "2013-03-01"))
    assert shop.land().n_duplicates == 1
    assert of_file(shop.table / "day=2013-03-01/part-0.parquet") == before


def test_a_delivery_is_authoritative_for_the_days_it_brings(shop: Any) -> None:
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"), shop.order(2, "2013-03-01"))
    shop.land()
    shop.deliver("orders.csv", shop.order(2, "2013-03-01", 9))
    shop.land()
    assert [(row["id"], row["amount"]) for row in shop.rows()] == [(2, 9.0)]


def test_a_day_to_which_nothing_is_delivered_is_kept_and_reported(shop: Any) -> None:
    path = shop.deliver("orders.csv", shop.order(1, "2013-03-01"))
    shop.land()
    before = shop.everything()
    path.write_text(shop.header, encoding="utf-8")
    report = shop.land()
    assert [day.isoformat() for day in report.kept_days] == ["2013-03-01"]
    assert report.n_landed == 1
    assert shop.everything() == before


def test_a_delivery_without_rows_is_no_error(shop: Any) -> None:
    shop.deliver("orders.csv")
    report = shop.land()
    assert (report.n_delivered, report.n_landed, report.days) == (0, 0, ())
    assert shop.days() == []


def test_a_snapshot_lands_whole_in_its_one_day_whatever_is_asked(shop: Any) -> None:
    shop.declare(event_time=None, static_from="2013-01-01")
    shop.deliver("orders.csv", shop.order(1, "2011-01-01"), shop.order(2, "2014-01-01"))
    for start, end in (("2013-03-01", "2013-03-02"), ("2012-01-01", "2013-01-01")):
        assert shop.land(start, end).n_landed == 2
        assert shop.days() == ["2013-01-01"]
    shop.deliver("orders.csv", shop.order(2, "2014-01-01"))
    shop.land()
    assert shop.ids("2013-01-01") == [2]
    shop.deliver("orders.csv")
    assert [day.isoformat() for day in shop.land().kept_days] == ["2013-01-01"]
    assert shop.ids("2013-01-01") == [2]


def test_the_event_time_may_be_computed_from_several_columns(shop: Any) -> None:
    columns = [
        {"name": name, "data_type": "integer"} for name in ("year", "month", "day", "hour", "id")
    ]
    shop.declare(columns=columns, event_time="make_timestamptz(year, month, day, hour, 0, 0)")
    shop.deliver("orders.csv", "2013,3,1,23,1\n", "2013,3,1,25,2\n", "2013,,1,2,3\n",
                 header="year,month,day,hour,id\n")  # fmt: skip
    report = shop.land("2013-03-01", "2013-03-03")
    assert shop.ids("2013-03-01") == [1]
    assert report.n_landed + report.n_quarantined == 3
    assert any("event time" in row["reason"] for row in shop.quarantined())


def test_an_event_time_that_fails_for_a_row_sets_that_row_aside(shop: Any) -> None:
    shop.declare(event_time="strptime(note, '%Y-%m-%d')")
    shop.deliver("orders.csv", shop.order(1, "2013-03-01", note="2013-03-01"),
                 shop.order(2, "2013-03-01", note="soon"))  # fmt: skip
    assert shop.land().n_quarantined == 1
    assert shop.ids() == [1]


def test_a_wrong_event_time_is_a_declaration_error(shop: Any) -> None:
    shop.declare(event_time="placed")
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"))
    with pytest.raises(DeclarationError, match=r"orders\.land\.event_time 'placed'"):
        shop.land()


def test_added_columns_are_ignored_and_reported(shop: Any) -> None:
    line = shop.order(1, "2013-03-01").strip() + ",new\n"
    shop.deliver("orders.csv", line, header=shop.header.strip() + ",colour\n")
    assert shop.land().added_columns == ("colour",)
    assert "colour" not in shop.rows()[0]


def test_columns_may_come_in_any_order(shop: Any) -> None:
    shop.deliver("orders-1.csv", shop.order(1, "2013-03-01"))
    shop.deliver("orders-2.csv", "n,true,2,2013-03-01,2013-03-01T10:00:00Z,2.5\n",
                 header="note,is_paid,id,due_on,placed_at,amount\n")  # fmt: skip
    shop.land()
    assert [(row["id"], row["amount"]) for row in shop.rows()] == [(1, 1.5), (2, 2.5)]


def test_the_ledger_tells_rows_bytes_and_digest_per_day_and_the_files(shop: Any) -> None:
    path = shop.deliver("orders.csv", shop.order(1, "2013-03-01"))
    report = shop.land("2013-03-01", "2013-03-03")
    days = json.loads(path_of(shop.project, "orders").read_text())["days"]
    file = shop.table / "day=2013-03-01/part-0.parquet"
    assert days["2013-03-01"] == {
        "rows": 1,
        "bytes": file.stat().st_size,
        "sha256": of_file(file),
        "n_posted": 0,
        "files": {"inbox/orders.csv": of_file(path)},
    }
    assert days["2013-03-02"]["rows"] == 0
    assert [(f.file, f.bytes, f.sha256) for f in report.files] == [
        ("inbox/orders.csv", path.stat().st_size, of_file(path))
    ]


def test_all_lands_every_source_before_it_tells_of_the_broken_ones(shop: Any) -> None:
    shop.declare_all({"orders": {}, "bills": {}, "refunds": {}, "gone": {}})
    for name in ("orders", "refunds"):
        shop.deliver(f"{name}.csv", shop.order(1, "2013-03-01"))
    shop.deliver("bills.csv", "1\n", header="id\n")
    with pytest.raises(PerennialError) as caught:
        land("all", "2013-03-01", "2013-03-02", project=shop.project)
    message = str(caught.value)
    assert "bills: inbox/bills.csv: column 'placed_at' is missing" in message
    assert "gone: no file matches inbox/gone*.csv" in message
    assert "2 of 4 sources did not land; landed: orders, refunds" in message
    for name in ("orders", "refunds"):
        assert (shop.project.lake / f"raw/{name}/day=2013-03-01/part-0.parquet").exists()


def test_all_keeps_the_kind_of_error_when_there_is_one_kind(shop: Any) -> None:
    shop.declare_all({"orders": {}, "bills": {}})
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"))
    shop.deliver("bills.csv", "1\n", header="id\n")
    with pytest.raises(ContractBrokenError):
        land("all", "2013-03-01", "2013-03-02", project=shop.project)


def test_all_reports_each_source(shop: Any) -> None:
    shop.declare_all({"orders": {}, "bills": {}})
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"))
    shop.deliver("bills.csv", shop.order(1, "2013-03-01"))
    report = land("all", "2013-03-01", "2013-03-02", project=shop.project)
    assert [each.source for each in report.sources] == ["orders", "bills"]
    with pytest.raises(KeyError):
        report.of("refunds")


def test_an_unknown_source_is_told_with_the_nearest_spelling(shop: Any) -> None:
    with pytest.raises(DeclarationError, match='did you mean "orders"'):
        land("oders", "2013-03-01", "2013-03-02", project=shop.project)


@pytest.mark.parametrize(
    ("start", "end"), [("2013-03-02", "2013-03-01"), ("2013-03-01", "2013-03-01"), ("x", "y")]
)
def test_a_period_that_is_none_is_refused(shop: Any, start: str, end: str) -> None:
    with pytest.raises(ValueError, match="start"):
        land("orders", start, end, project=shop.project)


def test_a_glob_without_a_file_says_its_pattern(shop: Any) -> None:
    with pytest.raises(UnavailableError, match=r"orders: no file matches inbox/orders\*\.csv"):
        shop.land()
    assert not shop.table.exists()


def test_importing_the_stage_imports_nothing_heavy() -> None:
    heavy = "{'pandas', 'dbt', 'feast', 'great_expectations', 'lightgbm', 'mlflow', 'sqlalchemy'}"
    code = f"import sys; import perennial.land; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_reports_hold_no_path_of_the_machine(shop: Any) -> None:
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"), "broken\n")
    text = shop.land().model_dump_json() + str(shop.quarantined())
    assert str(shop.root) not in text
