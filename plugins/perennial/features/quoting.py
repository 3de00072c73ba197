"""Names, strings, moments and lengths of time, as SQL writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def quote(name: str) -> str:
    """`name` as an identifier.

    >>> print(quote('a "b" c'))
    "a ""b"" c"
    """
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """`value` as a string.

    >>> print(text("it's"))
    'it''s'
    """
    return "'" + value.replace("'", "''") + "'"


def moment(at: datetime) -> str:
    """`at` as a moment; one without a time zone is UTC.

    >>> print(moment(datetime(2013, 1, 1, 12)))
    TIMESTAMPTZ '2013-01-01T12:00:00+00:00'
    """
    return f"TIMESTAMPTZ '{aware(at).isoformat()}'"


def aware(at: datetime) -> datetime:
    """`at` in UTC; one without a time zone is UTC already."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def interval(length: timedelta) -> str:
    """`length` to the microsecond.

    >>> print(interval(timedelta(seconds=2)))
    to_microseconds(2000000)
    """
    return f"to_microseconds({length // timedelta(microseconds=1)})"
