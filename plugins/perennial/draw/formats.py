"""How numbers, shares and moments are written, the same everywhere on the page."""

from __future__ import annotations

import math
from datetime import UTC, datetime

NONE = "–"


def number(value: float | None) -> str:
    """Three significant digits, thousands apart; a dash where there is none.

    >>> number(0.45061), number(-12.345), number(1234567.0), number(0.0), number(None)
    ('0.451', '−12.3', '1,234,567', '0', '–')
    >>> number(0.00004), number(float("inf"))
    ('0.00004', '∞')
    """
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def count(value: int | None) -> str:
    """A whole number, thousands apart.

    >>> count(12345), count(None)
    ('12,345', '–')
    """
    return NONE if value is None else f"{value:,}"


def many(value: int, thing: str, things: str = "") -> str:
    """So many of a thing.

    >>> many(1, "day"), many(1200, "row"), many(2, "entry", "entries")
    ('1 day', '1,200 rows', '2 entries')
    """
    return f"{value:,} {thing if value == 1 else things or thing + 's'}"


def share(value: float | None) -> str:
    """A share of 0 to 1 in per cent.

    >>> share(0.05), share(0.1234), share(1.0), share(None)
    ('5 %', '12.3 %', '100 %', '–')
    """
    if value is None or not math.isfinite(value):
        return NONE
    return f"{100 * value:.1f}".removesuffix(".0").replace("-", "−") + " %"


def between(low: float | None, high: float | None) -> str:
    """An interval.

    >>> between(0.1, 0.2), between(None, 0.2)
    ('0.1 to 0.2', '– to 0.2')
    """
    return f"{number(low)} to {number(high)}"


def moment(text: str | None) -> str:
    """A moment to the minute, in UTC; what is no moment is shown as it is.

    >>> moment("2024-03-01T14:05:59.120+02:00"), moment(None), moment("soon")
    ('2024-03-01 12:05 UTC', '–', 'soon')
    """
    if not text:
        return NONE
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    if found.tzinfo is not None:
        found = found.astimezone(UTC)
    return f"{found:%Y-%m-%d %H:%M} UTC"


def instant(text: str | None) -> str:
    """A moment to the second, in UTC; what is no moment is shown as it is.

    >>> instant("2024-03-01T14:05:59.120+02:00"), instant("soon")
    ('2024-03-01 12:05:59', 'soon')
    """
    if not text:
        return NONE
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{found.astimezone(UTC) if found.tzinfo else found:%Y-%m-%d %H:%M:%S}"


def words(name: str) -> str:
    """A name of the vocabulary as a person reads it.

    >>> words("stand_by")
    'stand by'
    """
    return name.replace("_", " ")
