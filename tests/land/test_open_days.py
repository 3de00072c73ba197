"""Which days a night takes up again: what changed, what was stopped, what never landed."""

from __future__ import annotations

from datetime import date
from typing import Any

from perennial.land import land, open_days

FIRST, SECOND, THIRD = date(2013, 3, 1), date(2013, 3, 2), date(2013, 3, 3)


def deliver(shop: Any, day: date, amount: float = 1.5) -> None:
    """One order of a day, as a file of its own."""
    shop.deliver(f"orders_{day}.csv", shop.order(day.day, str(day), amount))


def landed_from(shop: Any, day: date, end: date) -> date:
    """The first day that a landing of `day <= … < end` gives to work on again."""
    return land("all", str(day), str(end), project=shop.project).again_from


def test_a_day_without_anything_before_it_begins_with_itself(shop: Any) -> None:
    deliver(shop, FIRST)
    assert landed_from(shop, FIRST, SECOND) == FIRST


def test_a_day_whose_marts_never_passed_is_taken_up_again(shop: Any) -> None:
    deliver(shop, FIRST)
    deliver(shop, SECOND)
    landed_from(shop, FIRST, SECOND)
    assert landed_from(shop, SECOND, THIRD) == FIRST
    open_days.note(shop.project, FIRST, THIRD)
    assert landed_from(shop, SECOND, THIRD) == SECOND


def test_a_day_that_late_rows_changed_is_taken_up_again(shop: Any) -> None:
    deliver(shop, FIRST)
    deliver(shop, SECOND)
    land("all", str(FIRST), str(THIRD), project=shop.project)
    open_days.note(shop.project, FIRST, SECOND)
    deliver(shop, FIRST, amount=2.5)
    assert landed_from(shop, SECOND, THIRD) == FIRST


def test_a_day_that_could_not_be_landed_is_missing(shop: Any) -> None:
    for day in (FIRST, SECOND, THIRD):
        deliver(shop, day)
    land("all", str(FIRST), str(SECOND), project=shop.project)
    assert open_days.missing_before(shop.project, THIRD) == SECOND
    assert open_days.missing_before(shop.project, SECOND) == SECOND, "none is missing before it"
    land("all", str(SECOND), str(THIRD), project=shop.project)
    assert open_days.missing_before(shop.project, THIRD) == THIRD


def test_what_never_landed_anything_misses_nothing(shop: Any) -> None:
    deliver(shop, FIRST)
    assert open_days.missing_before(shop.project, THIRD) == THIRD


def test_a_damaged_note_only_costs_work(shop: Any) -> None:
    deliver(shop, FIRST)
    landed_from(shop, FIRST, SECOND)
    open_days.note(shop.project, FIRST, SECOND)
    (shop.project.var / "state" / "done.json").write_text("{", encoding="utf-8")
    assert open_days.first_before(shop.project, SECOND) == FIRST
