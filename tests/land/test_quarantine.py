"""Rows that cannot be taken in are set aside with file, line, column, reason and text."""

from __future__ import annotations

import json
from typing import Any

import pytest


def test_a_row_that_does_not_parse_is_set_aside_with_its_line_and_reason(shop: Any) -> None:
    good = [shop.order(n, "2013-03-01") for n in range(5)]
    bad = "9,2013-03-01T10:00:00Z,cheap,true,2013-02-30,n\n"
    shop.deliver("orders.csv", *good[:2], bad, *good[2:])
    report = shop.land()
    assert shop.ids() == [0, 1, 2, 3, 4]
    assert (report.n_delivered, report.n_landed, report.n_quarantined) == (6, 5, 1)
    (row,) = shop.quarantined()
    assert (row["file"], row["line"], row["column"]) == ("inbox/orders.csv", 4, "amount, due_on")
    assert row["reason"] == "amount is not a double: cheap; due_on is not a date: 2013-02-30"
    assert json.loads(row["text"])["amount"] == "cheap"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("7,2013-03-01\n", "missing columns"),
        ("7,2013-03-01T10:00:00Z,1,true,2013-03-01,n,too,many\n", "too many columns"),
        ('7,2013-03-01T10:00:00Z,1,true,2013-03-01,"open"quote\n', "unquoted value"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_that_is_no_row_is_set_aside_as_it_is(
    shop: Any, line: str, reason: str, end: str
) -> None:
    lines = [*(shop.order(n, "2013-03-01") for n in range(3)), line, shop.order(9, "2013-03-01")]
    path = shop.deliver("orders.csv", *lines)
    path.write_bytes(path.read_bytes().replace(b"\n", end.encode()))
    report = shop.land()
    assert shop.ids() == [0, 1, 2, 9]
    assert (report.n_delivered, report.n_quarantined) == (5, 1)
    (row,) = shop.quarantined()
    assert (row["line"], row["text"]) == (5, line.strip())
    assert row["reason"].startswith(reason)


def test_bytes_that_are_not_utf8_are_set_aside_and_shown(shop: Any) -> None:
    path = shop.deliver("orders.csv", *(shop.order(n, "2013-03-01") for n in range(3)))
    path.write_bytes(path.read_bytes().replace(b"1,2013-03-01T10:00:00Z,1.5", b"1,\xff\xfe,1.5"))
    assert shop.land().n_quarantined == 1
    (row,) = shop.quarantined()
    assert row["line"] == 3
    assert "\\xff\\xfe" in row["text"]


def test_the_line_is_true_after_quoted_line_ends_blank_lines_and_refused_lines(shop: Any) -> None:
    shop.deliver(
        "orders.csv",
        '1,2013-03-01T10:00:00Z,1,true,2013-03-01,"two\nlines"\n',
        "\n",
        "only,three,columns\n",
        shop.order(2, "2013-03-01"),
        "3,yesterday,1,true,2013-03-01,n\n",
    )
    shop.land()
    assert [(row["line"], row["column"]) for row in shop.quarantined()] == [
        (5, None),
        (7, "placed_at"),
    ]


def test_mixed_line_ends_are_read(shop: Any) -> None:
    path = shop.deliver("orders.csv", *(shop.order(n, "2013-03-01") for n in range(4)))
    first, second, *rest = path.read_bytes().split(b"\n")
    path.write_bytes(first + b"\r\n" + second + b"\n" + b"\r\n".join(rest))
    assert shop.land().n_landed == 4


def test_a_byte_order_mark_and_a_semicolon_are_read(shop: Any) -> None:
    text = (shop.header + shop.order(1, "2013-03-01") + "broken\n").replace(",", ";")
    (shop.root / "inbox").mkdir()
    (shop.root / "inbox/orders.csv").write_text(text, encoding="utf-8-sig")
    assert shop.land().n_landed == 1
    assert shop.quarantined()[0]["line"] == 3


@pytest.mark.parametrize(
    ("column", "value"),
    [("id", "1.5"), ("id", "99999999999"), ("due_on", "2013-03-01 05:00"), ("is_paid", "maybe")],
)
def test_a_cast_that_would_lose_something_is_refused(shop: Any, column: str, value: str) -> None:
    row = {"id": "7", "placed_at": "2013-03-01T10:00:00Z", "amount": "1", "is_paid": "true",
           "due_on": "2013-03-01", "note": "n", column: value}  # fmt: skip
    others = [shop.order(n, "2013-03-01") for n in range(3)]
    shop.deliver("orders.csv", *others, ",".join(row.values()) + "\n")
    shop.land()
    assert shop.ids() == [0, 1, 2]
    assert shop.quarantined()[0]["column"] == column


def test_a_whole_number_written_as_a_decimal_is_a_whole_number(shop: Any) -> None:
    shop.deliver("orders.csv", "7.0,2013-03-01T10:00:00Z,1,true,2013-03-01,n\n")
    shop.land()
    assert shop.ids() == [7]


def test_a_null_where_none_may_be_is_set_aside(shop: Any) -> None:
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"), ",2013-03-01T10:00:00Z,1,,,n\n")
    assert shop.land().n_quarantined == 1
    (row,) = shop.quarantined()
    assert (row["line"], row["column"], row["reason"]) == (3, "id", "id is missing")


def test_each_row_is_set_aside_once_however_often_it_is_seen(shop: Any) -> None:
    good = (shop.order(n, "2013-03-01") for n in range(5))
    shop.deliver("orders.csv", *good, "bad\n", shop.order(9, "2013-03-02"))
    assert shop.land().n_quarantined == 1
    assert shop.land().n_quarantined == 1  # the same landing: the same report
    assert shop.land("2013-03-02", "2013-03-03").n_quarantined == 0  # seen the night before
    assert len(shop.quarantined()) == 1


def test_two_equal_bad_lines_are_two_rows(shop: Any) -> None:
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"), "bad\n", "bad\n")
    assert shop.land().n_quarantined == 2
    assert [row["line"] for row in shop.quarantined()] == [3, 4]


def test_nothing_set_aside_is_lost_when_the_delivery_is_repaired(shop: Any) -> None:
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"), "bad\n")
    shop.land()
    shop.deliver("orders.csv", shop.order(1, "2013-03-01"))
    assert shop.land().n_quarantined == 0
    assert [row["text"] for row in shop.quarantined()] == ["bad"]


def test_every_delivered_row_is_accounted_for(shop: Any) -> None:
    good = [shop.order(n, "2013-03-01") for n in range(1000)]
    bad = [f"{n},x\n" if n % 2 else f"{n},never,1,true,2013-03-01,n\n" for n in range(1000, 1100)]
    again = [shop.order(n, "2013-03-01") for n in range(10)]
    changed = [shop.order(n, "2013-03-01", 7) for n in range(20, 25)]
    other = [shop.order(5000 + n, "2013-04-01") for n in range(7)]
    shop.deliver("orders.csv", *good, *bad, *again, *changed, *other)
    report = shop.land()
    assert report.n_delivered == 1000 + 100 + 10 + 5 + 7
    assert (report.n_landed, report.n_quarantined) == (1000, 100)
    assert (report.n_duplicates, report.n_superseded, report.n_outside) == (10, 5, 7)
    assert {row["line"] for row in shop.quarantined()} == set(range(1002, 1102))
