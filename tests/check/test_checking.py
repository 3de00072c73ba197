"""The stage as a whole: what is published, what is stopped, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from perennial.check import Checked, check
from perennial.declare.project import Project
from perennial.errors import DeclarationError, GateStoppedError
from perennial.keep import partitions

from .conftest import DAYS, PERIOD, cheaper, expectation, orders, put

Gated = Callable[..., Project]
CHEAP = expectation("expect_column_values_to_be_between", column="price", max_value=100)


def checked(project: Project, table: str, layer: str = "raw") -> Path:
    return project.lake / "checked" / layer / table


def dump(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_passes_is_published_as_the_very_same_file(gated: Gated) -> None:
    project = gated(raw_orders={"expectations": [CHEAP]})
    report = check("raw", *PERIOD, project=project)
    assert report.table("orders").is_published
    for day in DAYS:
        landed = partitions.partition(project.lake / "raw" / "orders", day)
        assert partitions.partition(checked(project, "orders"), day).samefile(landed)


def test_twice_is_the_same_as_once(gated: Gated) -> None:
    bad = expectation(
        "expect_column_values_to_be_between", "quarantine", column="id", max_value=3008
    )
    project = gated(raw_orders={"expectations": [bad], "max_quarantined_share": 0.5})
    first = check("raw", *PERIOD, project=project)
    lake, reports = dump(project.lake), dump(project.var / "reports")
    assert check("raw", *PERIOD, project=project) == first
    assert dump(project.lake) == lake
    assert dump(project.var / "reports") == reports


def test_a_stop_publishes_nothing_of_its_table_and_all_of_the_others(gated: Gated) -> None:
    project = gated(raw_orders={"expectations": [CHEAP]})
    put(project.lake / "raw/orders", DAYS[1], orders(DAYS[1], price=500))
    with pytest.raises(GateStoppedError):
        check("raw", *PERIOD, project=project)
    assert not checked(project, "orders").exists()
    assert partitions.days_of(checked(project, "shops")) == [date(2013, 1, 1)]


def test_a_stop_leaves_what_was_published_before(gated: Gated) -> None:
    project = gated(raw_orders={"expectations": [CHEAP]})
    check("raw", *PERIOD, project=project)
    before = dump(checked(project, "orders"))
    put(project.lake / "raw/orders", DAYS[0], orders(DAYS[0], price=500))
    with pytest.raises(GateStoppedError):
        check("raw", *PERIOD, project=project)
    assert dump(checked(project, "orders")) == before


def test_the_message_tells_everything_about_every_failing_expectation(gated: Gated) -> None:
    mean = expectation("expect_column_mean_to_be_between", column="price", max_value=20)
    project = gated(
        raw_orders={"expectations": [CHEAP, mean]},
        raw_shops={"expectations": [expectation("expect_column_to_exist", column="city")]},
    )
    put(project.lake / "raw/orders", DAYS[1], orders(DAYS[1], price=500))
    with pytest.raises(GateStoppedError) as stop:
        check("raw", *PERIOD, project=project)
    message = str(stop.value)
    for part in (
        "check raw 2024-05-01 to 2024-05-04: 2 of 2 tables stopped (orders, shops)",
        "raw.orders: expect_column_values_to_be_between on price (stop)",
        "asked: max_value: 100",
        "found: 10 of 30 do not meet it (33.3 %)",
        "example: price 500 (id 2000)",
        "declared: data/expectations/raw/orders.yaml: expectations.0",
        "why: because of expect_column_values_to_be_between",
        "raw.orders: expect_column_mean_to_be_between on price (stop)",
        "found: observed 170",
        "raw.shops: expect_column_to_exist on city (stop)",
    ):
        assert part in message
    assert message.count("example: price 500") == 3


def test_a_warning_publishes_and_is_told(gated: Gated) -> None:
    project = gated(raw_orders={"expectations": [{**CHEAP, "severity": "warn"}]})
    put(project.lake / "raw/orders", DAYS[1], orders(DAYS[1], price=500))
    table = check("raw", *PERIOD, project=project).table("orders")
    assert table.is_published
    assert table.failed[0].severity == "warn"
    assert table.warnings == (
        "raw.orders: expect_column_values_to_be_between on price (warn): "
        "10 of 30 do not meet it (33.3 %)",
    )


def test_a_table_without_a_gate_is_published_and_says_so(project: Project) -> None:
    table = check("raw", *PERIOD, project=project).table("orders")
    assert not table.is_gated
    assert table.is_published
    assert table.n_rows == 30
    assert table.warnings == (
        "raw.orders: no gate is declared in data/expectations/raw/orders.yaml: "
        "published without being checked",
    )


def test_a_gate_with_nothing_to_look_at_stops(gated: Gated) -> None:
    project = gated(raw_orders={"expectations": [CHEAP]})
    with pytest.raises(GateStoppedError, match="has_rows") as stop:
        check("raw", "2024-06-01", "2024-06-03", project=project)
    assert "found: no row on the 2 days looked at" in str(stop.value)
    assert "declared: data/expectations/raw/orders.yaml: may_be_empty" in str(stop.value)


def test_a_table_that_may_be_empty_passes_with_a_remark(gated: Gated) -> None:
    project = gated(raw_orders={"expectations": [CHEAP], "may_be_empty": True})
    table = check("raw", "2024-06-01", "2024-06-03", project=project).table("orders")
    assert table.is_published
    assert table.n_rows == 0
    assert [each.outcome for each in table.findings] == ["nothing_to_look_at"]
    assert len(table.warnings) == 1


@pytest.mark.parametrize(
    "kind", ["expect_column_values_to_be_in_set", "expect_column_distinct_values_to_be_in_set"]
)
def test_a_column_without_any_value_does_not_pass(gated: Gated, kind: str) -> None:
    accepted = expectation(kind, column="shop", value_set=["north"])
    project = gated(raw_orders={"expectations": [accepted]})
    for day in DAYS:
        put(project.lake / "raw/orders", day, orders(day, shop=None))
    table = check("raw", *PERIOD, project=project).table("orders")
    assert table.findings[0].outcome == "nothing_to_look_at"
    assert table.warnings


@pytest.mark.parametrize("severity", ["stop", "warn"])
def test_an_expectation_that_raises_is_a_failure_whatever_its_severity(
    gated: Gated, severity: str
) -> None:
    absent = expectation("expect_column_mean_to_be_between", severity, column="shop", max_value=1)
    project = gated(raw_orders={"expectations": [CHEAP, absent, CHEAP]})
    with pytest.raises(GateStoppedError, match="could not be evaluated") as stop:
        check("raw", *PERIOD, project=project)
    assert str(stop.value).count("expect_column_") == 2  # its head and its why, and no other's


def test_days_that_vanished_are_withdrawn_within_the_period_only(gated: Gated) -> None:
    project = gated(raw_orders={"expectations": [CHEAP]})
    check("raw", *PERIOD, project=project)
    for day in (DAYS[0], DAYS[2]):
        partitions.withdraw(project.lake / "raw/orders", day)
    report = check("raw", "2024-05-02", "2024-05-04", project=project)
    assert report.table("orders").n_days_withdrawn == 1
    assert partitions.days_of(checked(project, "orders")) == DAYS[:2]


def test_a_snapshot_is_always_looked_at_and_replaces_the_one_before(gated: Gated) -> None:
    shape = expectation("expect_table_row_count_to_equal", value=2)
    project = gated(raw_shops={"expectations": [shape], "daily": [
        expectation("expect_column_values_to_be_between", column="n_rows", min_value=2)
    ]})  # fmt: skip
    put(checked(project, "shops"), date(2012, 7, 1), orders(DAYS[0]))
    table = check("raw", "2024-05-02", "2024-05-03", project=project).table("shops")
    assert (table.n_rows, table.n_days_withdrawn) == (2, 1)
    assert partitions.days_of(checked(project, "shops")) == [date(2013, 1, 1)]


def test_a_mart_that_is_a_snapshot_is_judged_whole_in_every_period(gated: Gated) -> None:
    project = gated(marts_sales={"expectations": [CHEAP], "is_snapshot": True})
    put(project.lake / "marts/sales", DAYS[1], orders(DAYS[1], price=500))
    with pytest.raises(GateStoppedError, match="10 of 30 do not meet it"):
        check("marts", "2024-06-01", "2024-06-02", project=project)


def test_short_and_exact_numbers_are_compared_as_numbers(gated: Gated) -> None:
    project = gated(raw_orders={"expectations": [CHEAP]})
    for day, kind in zip(DAYS, (pa.int16(), pa.decimal128(9, 2), pa.float32()), strict=True):
        rows = orders(day)
        put(project.lake / "raw/orders", day, rows.set_column(1, "price", rows["price"].cast(kind)))
        period = (day.isoformat(), date(2024, 5, day.day + 1).isoformat())
        assert check("raw", *period, project=project).table("orders").findings[0].n_looked_at == 10


def test_marts_are_checked_by_the_key_that_their_gate_declares(gated: Gated) -> None:
    unique = expectation("expect_compound_columns_to_be_unique", column_list=["id", "day"])
    project = gated(marts_sales={"expectations": [unique, CHEAP]})
    rows = cheaper(orders(DAYS[1]), 4, 101)
    put(project.lake / "marts/sales", DAYS[1], rows)
    with pytest.raises(GateStoppedError, match=r"price 101 \(id 2004, day 2024-05-02\)"):
        check("marts", *PERIOD, project=project)


def test_a_damaged_file_stops_its_table_with_or_without_a_gate(project: Project) -> None:
    partitions.partition(project.lake / "raw/orders", DAYS[1]).write_bytes(b"PAR1 no more")
    with pytest.raises(GateStoppedError, match="day 2024-05-02 cannot be read as Parquet"):
        check("raw", *PERIOD, project=project)
    assert partitions.days_of(checked(project, "shops"))


def test_days_of_different_types_stop_their_table(gated: Gated) -> None:
    project = gated(raw_orders={"expectations": [CHEAP]})
    text = orders(DAYS[1]).set_column(1, "price", [["five"] * 10])
    put(project.lake / "raw/orders", DAYS[1], text)
    with pytest.raises(GateStoppedError, match="the days do not have the same types"):
        check("raw", *PERIOD, project=project)


def test_mistakes_in_gates_are_all_told_before_any_data_is_read(gated: Gated) -> None:
    daily = expectation(
        "expect_column_values_to_be_between", "quarantine", column="n_rows", min_value=1
    )
    project = gated(
        raw_orders={"expectations": [
            expectation("expect_column_values_to_be_betwen", column="price"),
            expectation("expect_column_values_to_be_between", column="price", minimum=1),
            expectation("expect_column_mean_to_be_between", "quarantine", column="price"),
        ]},
        raw_shops={"daily": [daily]},
    )  # fmt: skip
    with pytest.raises(DeclarationError) as error:
        check("raw", *PERIOD, project=project)
    places = [each.split(": ")[1].split(" ")[0] for each in error.value.mistakes]
    assert places == [
        "expectations.0",
        "expectations.1",
        "expectations.2.severity",
        "daily.0.severity",
    ]
    assert not (project.lake / "checked").exists()


def test_the_report_on_disk_is_the_report_also_when_stopped(gated: Gated) -> None:
    project = gated(raw_orders={"expectations": [CHEAP]})
    report = check("raw", *PERIOD, project=project)
    path = project.var / "reports/check/raw.json"
    assert Checked.model_validate_json(path.read_text()) == report
    put(project.lake / "raw/orders", DAYS[1], orders(DAYS[1], price=500))
    with pytest.raises(GateStoppedError):
        check("raw", *PERIOD, project=project)
    stopped = Checked.model_validate_json(path.read_text()).stopped
    assert [each.table for each in stopped] == ["orders"]
    assert str(project.root) not in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("raw", "2024-05-02", "2024-05-02"), "start must be before end"),
        (("lake", "2024-05-01", "2024-05-02"), "layer must be raw or marts"),
    ],
)
def test_wrong_arguments_are_refused(project: Project, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(*arguments, project=project)
