"""Periods: half-open, in whole UTC days."""

from __future__ import annotations

from datetime import date, timedelta


def period(start: str, end: str) -> tuple[date, date]:
    """The dates of the half-open period `start <= day < end`.

    >>> period("2013-03-01", "2013-03-02")
    (datetime.date(2013, 3, 1), datetime.date(2013, 3, 2))
    """
    try:
        first, last = date.fromisoformat(start), date.fromisoformat(end)
    except ValueError as error:
        raise ValueError(
            f"start and end must be dates (2013-03-01), got {start!r} and {end!r}"
        ) from error
    if first >= last:
        raise ValueError(f"start must be before end (end is not included), got {start} and {end}")
    return first, last


def days_between(start: date, end: date) -> list[date]:
    """The days `start <= day < end`, in order."""
    return [start + timedelta(days=n) for n in range((end - start).days)]
