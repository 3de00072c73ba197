"""Rows that were posted as events land as the very rows that a file would bring."""

from __future__ import annotations

from typing import Any

import pytest

from perennial.errors import UnavailableError

EVENTS = {"from": "int_order_moments", "moments": {"paid_at": ["is_paid"], "placed_at": []}}


@pytest.fixture
def posting(shop: Any) -> Any:
    """The shop, taking events."""
    shop.declare(events=EVENTS)
    return shop


def row(number: int, day: str = "2013-03-01", **fields: Any) -> dict[str, Any]:
    """The order that `shop.order(number, day)` delivers, as it is posted."""
    return {
        "id": number,
        "placed_at": f"{day}T10:00:00Z",
        "amount": 1.5,
        "is_paid": True,
        "due_on": day,
        "note": "n",
        **fields,
    }


def partition(shop: Any, day: str = "2013-03-01") -> bytes:
    content: bytes = (shop.table / f"day={day}/part-0.parquet").read_bytes()
    return content


def test_a_posted_day_and_a_delivered_day_are_the_very_same_bytes(posting: Any) -> None:
    posting.post(*(row(n) for n in (3, 1, 2)))
    report = posting.land()
    assert (report.n_landed, report.n_posted, report.n_delivered) == (3, 3, 0)
    posted = partition(posting)
    posting.deliver("orders.csv", *(posting.order(n, "2013-03-01") for n in (1, 2, 3)))
    report = posting.land()
    assert (report.n_landed, report.n_posted) == (3, 0)
    assert partition(posting) == posted


def test_the_last_posted_row_of_a_key_stands(posting: Any) -> None:
    posting.post(row(1, is_paid=None, amount=None), row(2), row(1, amount=9.0))
    report = posting.land()
    assert [(each["id"], each["amount"]) for each in posting.rows()] == [(1, 9.0), (2, 1.5)]
    assert (report.n_duplicates, report.n_superseded) == (0, 0)


def test_segments_are_read_in_the_order_of_their_names(posting: Any) -> None:
    posting.post(row(1, amount=10.0), segment="10")
    posting.post(row(1, amount=2.0), segment="2")
    posting.land()
    assert posting.rows()[0]["amount"] == 10.0


def test_a_delivered_row_wins_and_posted_rows_fill_what_no_file_brought(posting: Any) -> None:
    posting.post(row(1, amount=7.0), row(2))
    posting.deliver("orders.csv", posting.order(1, "2013-03-01"))
    report = posting.land()
    assert [(each["id"], each["amount"]) for each in posting.rows()] == [(1, 1.5), (2, 1.5)]
    assert (report.n_landed, report.n_posted) == (2, 1)


def test_posting_twice_is_once(posting: Any) -> None:
    posting.post(row(1), row(1))
    first = posting.land()
    before = posting.everything()
    assert posting.land() == first
    assert posting.everything() == before


def test_a_column_that_is_left_out_is_not_known_yet(posting: Any) -> None:
    posting.post({"id": 1, "placed_at": "2013-03-01T10:00:00+01:00"})
    posting.land()
    assert posting.rows()[0]["amount"] is None
    assert posting.rows()[0]["placed_at"].isoformat() == "2013-03-01T09:00:00+00:00"


@pytest.mark.parametrize("tail", ['{"seq": 9, "row": {"id"', '{"seq": 9, "row": {"id": 9}}', "#\n"])
def test_a_torn_line_is_ignored_and_counted(posting: Any, tail: str) -> None:
    posting.post(row(1), tail=tail)
    report = posting.land()
    assert (report.n_landed, report.n_torn, report.n_quarantined) == (1, 1, 0)


def test_a_torn_line_that_a_later_writer_closed_off_is_ignored(posting: Any) -> None:
    posting.post(row(1), tail='{"seq": 2, "ro\n')
    posting.post(row(2))
    report = posting.land()
    assert posting.ids() == [1, 2]
    assert report.n_torn == 1


def test_a_posted_row_that_does_not_fit_is_set_aside_with_its_line(posting: Any) -> None:
    posting.post(row(1), row(2, amount="cheap"))
    posting.post(tail='{"seq": 3}\n')
    assert posting.land().n_quarantined == 2
    assert [(each["line"], each["column"]) for each in posting.quarantined()] == [
        (2, "amount"),
        (3, None),
    ]
    assert posting.quarantined()[0]["file"] == "var/journal/events/orders/0001.jsonl"


def test_events_of_a_source_that_declares_none_are_not_read(shop: Any) -> None:
    shop.post(row(1))
    with pytest.raises(UnavailableError, match="no file matches"):
        shop.land()


def test_neither_file_nor_event_is_unavailable(posting: Any) -> None:
    with pytest.raises(UnavailableError, match="no file matches"):
        posting.land()
    posting.post()  # a gateway that has started and heard nothing
    with pytest.raises(UnavailableError, match="no file matches"):
        posting.land()


def test_what_is_posted_later_completes_an_earlier_day(posting: Any) -> None:
    posting.post(row(1, is_paid=None, amount=None))
    posting.land()
    posting.post(row(1), row(2, "2013-03-02"))
    (each,) = posting.land("2013-03-02", "2013-03-03").reopened
    assert (each.day.isoformat(), each.n_late, each.n_changed) == ("2013-03-01", 0, 1)
    assert posting.rows()[0]["amount"] == 1.5


def test_a_file_that_came_late_replaces_what_was_posted(posting: Any) -> None:
    posting.post(row(1, amount=7.0))
    posting.land()
    posting.deliver("orders.csv", posting.order(1, "2013-03-01"))
    posting.land("2013-03-02", "2013-03-03")
    assert posting.rows()[0]["amount"] == 1.5


@pytest.mark.parametrize("day", ["2013-03-01", "2013-03-02"])
def test_a_file_that_went_away_still_wins_over_what_was_posted(posting: Any, day: str) -> None:
    path = posting.deliver("orders.csv", posting.order(1, "2013-03-01"))
    posting.land()
    before = partition(posting)
    path.unlink()
    posting.post(row(1, is_paid=None, amount=None), row(1, amount=7.0))
    posting.land(day, "2013-03-03")
    assert partition(posting) == before


def test_a_completion_that_comes_after_the_lookback_is_set_aside(posting: Any) -> None:
    posting.post(row(1, is_paid=None, amount=None))
    posting.land()
    posting.post(row(1))
    report = posting.land("2013-03-20", "2013-03-21")
    assert report.n_too_late == 1
    assert posting.rows()[0]["amount"] is None


def test_an_old_posting_of_a_row_that_a_file_brought_is_not_too_late(posting: Any) -> None:
    posting.post(row(1, amount=7.0))
    posting.deliver("orders.csv", posting.order(1, "2013-03-01"))
    posting.land()
    posting.deliver("orders.csv", posting.order(9, "2013-03-20"))
    report = posting.land("2013-03-20", "2013-03-21")
    assert (report.n_too_late, report.n_quarantined) == (0, 0)
