"""The rows behind one view, and the SQL that takes them as they are: all, or the latest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from perennial.keep.quoting import interval, moment
from perennial.keep.quoting import name as quote


@dataclass(frozen=True)
class ViewRows:
    """Where a view's rows lie and what is taken from them."""

    name: str
    scan: str
    """What stands behind FROM, such as `read_parquet(…)`."""
    keys: tuple[tuple[str, str], ...]
    """Pairs of (column of these rows, column of the entity rows); may be empty."""
    features: tuple[tuple[str, str], ...]
    """Pairs of (column of these rows, column of the result)."""
    event_timestamp: str
    created_timestamp: str | None = None
    """None: a row is known from its event_timestamp on."""
    ttl: timedelta | None = None
    """A value older than this at the moment asked is null. None or zero: no limit."""

    @property
    def event(self) -> str:
        """The moment a row tells of, as SQL."""
        return f"CAST({quote(self.event_timestamp)} AS TIMESTAMPTZ)"

    def created(self, known_then: bool) -> str | None:
        """The moment before which a row must not be seen, as SQL; None when there is none."""
        if self.created_timestamp is None or not known_then:
            return None
        return f"CAST({quote(self.created_timestamp)} AS TIMESTAMPTZ)"

    def known(self, known_then: bool) -> str:
        """The moment from which on a row can answer, as SQL."""
        created = self.created(known_then)
        return self.event if created is None else f"greatest({self.event}, {created})"

    def between(
        self, start: datetime | None, end: datetime | None, known_then: bool = False
    ) -> str:
        """The condition of lying in `start <= event <= end` (and known by `end`).

        Parquet's own statistics then spare reading what lies outside.
        """
        created = self.created(known_then)
        bounded = [self.event] if created is None else [self.event, created]
        conditions = [f"{each} IS NOT NULL" for each in bounded]
        if start is not None:
            conditions.append(f"{self.event} >= {moment(start)}")
        if end is not None:
            conditions += [f"{each} <= {moment(end)}" for each in bounded]
        return " AND ".join(conditions)

    @property
    def time_to_live(self) -> str:
        """The ttl as SQL."""
        return interval(self.ttl or timedelta(0))


def all_sql(rows: ViewRows, start: datetime | None, end: datetime | None) -> str:
    """Every row between `start` and `end` (both included; None is open), oldest first."""
    order = [f"{column} NULLS FIRST" for column in _times(rows)]
    return (
        f"SELECT {_columns(rows)}\nFROM {rows.scan}\nWHERE {rows.between(start, end)}\n"
        f"ORDER BY {', '.join(order)}"
    )


def latest_sql(rows: ViewRows, start: datetime, end: datetime, known_then: bool) -> str:
    """The row of each key with the greatest event_timestamp, then created_timestamp.

    `known_then`: rows created after `end` are invisible.
    """
    order = [f"{column} DESC NULLS LAST" for column in _times(rows)]
    # Full ties: the same row every time, and the one that a point-in-time join takes.
    order += [f"{quote(column)} DESC NULLS FIRST" for column, _ in rows.features]
    keys = ", ".join(quote(column) for column, _ in rows.keys)
    partition = f"PARTITION BY {keys} " if keys else ""
    return (
        f"SELECT {_columns(rows)}\nFROM {rows.scan}\nWHERE {rows.between(start, end, known_then)}\n"
        f"QUALIFY row_number() OVER ({partition}ORDER BY {', '.join(order)}) = 1"
    )


def _times(rows: ViewRows) -> list[str]:
    times = [rows.event_timestamp, rows.created_timestamp]
    return [quote(column) for column in times if column is not None]


def _columns(rows: ViewRows) -> str:
    """The columns under their own names: all there are when no feature is named."""
    if not rows.features:
        return "*"
    columns = [quote(column) for column, _ in (*rows.keys, *rows.features)]
    return ", ".join(dict.fromkeys([*columns, *_times(rows)]))
