"""Names, texts, moments and lengths of time as SQL writes them; no name can break a statement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta


def name(identifier: str) -> str:
    """`identifier` as a quoted SQL name.

    >>> print(name('a "b" c'))
    "a ""b"" c"
    """
    return '"' + identifier.replace('"', '""') + '"'


def names(identifiers: Iterable[str], of: str = "") -> str:
    """A comma-separated list of quoted names, each of the table `of` when that is given.

    >>> print(names(["a", "b"], of="t"))
    t."a", t."b"
    """
    prefix = f"{of}." if of else ""
    return ", ".join(prefix + name(each) for each in identifiers)


def text(value: str) -> str:
    """`value` as a SQL text.

    >>> print(text("it's"))
    'it''s'
    """
    return "'" + value.replace("'", "''") + "'"


def texts(values: Iterable[str]) -> str:
    """A SQL list of texts.

    >>> print(texts(["a", "b"]))
    ['a', 'b']
    """
    return "[" + ", ".join(text(each) for each in values) + "]"


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
