"""The point-in-time join, as SQL: which value of each feature was known at each moment asked for?

A row of a view can be known from `greatest(event_timestamp, created_timestamp)` on. Of the rows
known at the moment asked, the one with the greatest event_timestamp answers, then the one with
the greatest created_timestamp. A row that becomes known late (a backfill) while a younger one is
already known never answers, so it is left out of the history first. In what remains
event_timestamp grows with the moment of knowing, and one ASOF join on that moment is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from perennial.features.view_rows import ViewRows
from perennial.keep.quoting import moment
from perennial.keep.quoting import name as quote

ENTITY_ROWS = "entity_rows"


@dataclass(frozen=True)
class Span:
    """The first and last moment asked for, both included."""

    first: datetime
    last: datetime


def answers_sql(view: ViewRows, time_column: str, span: Span | None, known_then: bool) -> str:
    """The view's features for each row of `entity_rows`, in their order; null where unknown.

    `known_then`: rows created after the moment asked are invisible. `span` bounds what is read;
    None (no moment is asked for) reads nothing.
    """
    asked = ", ".join(
        dict.fromkeys(quote(key) for key in [*(k for _, k in view.keys), time_column])
    )
    time = f"asked.{quote(time_column)}"
    features = [f"history.{quote(name)}" for _, name in view.features]
    if view.ttl:
        alive = f"history.__event >= {time} - {view.time_to_live}"
        features = [
            f"CASE WHEN {alive} THEN history.{quote(name)} END AS {quote(name)}"
            for _, name in view.features
        ]
    conditions = [
        *(f"asked.{quote(key)} = history.__key_{n}" for n, (_, key) in enumerate(view.keys)),
        f"{time} >= history.__known",
    ]
    return (
        f"SELECT {', '.join(features)}\n"
        f"FROM (SELECT {asked}, row_number() OVER () AS __row FROM {ENTITY_ROWS}) AS asked\n"
        f"ASOF LEFT JOIN (\n{_history_sql(view, span, known_then)}\n) AS history\n"
        f"ON {' AND '.join(conditions)}\nORDER BY asked.__row"
    )


def side_by_side_sql(answers: Sequence[str]) -> str:
    """One statement for all: the entity rows and, beside them, the answers of each view."""
    return f"SELECT * FROM {ENTITY_ROWS}" + "".join(
        f"\nPOSITIONAL JOIN (\n{answer}\n)" for answer in answers
    )


def spine_sql(views: Sequence[ViewRows], time_column: str, span: Span, known_then: bool) -> str:
    """Entity rows for who brings none: each key at each moment a row of it became known."""
    moments = []
    for view in views:
        keys = sorted(view.keys, key=lambda pair: pair[1])
        columns = [f"{quote(column)} AS {quote(key)}" for column, key in keys]
        columns.append(f"{view.known(known_then)} AS {quote(time_column)}")
        moments.append(
            f"SELECT DISTINCT {', '.join(columns)}\nFROM {view.scan}\n"
            f"WHERE {view.between(None, span.last, known_then)}"
            f" AND {view.known(known_then)} >= {moment(span.first)}"
        )
    order = [time_column, *sorted(key for _, key in views[0].keys)]
    return "\nUNION\n".join(moments) + f"\nORDER BY {', '.join(map(quote, order))}"


def _history_sql(view: ViewRows, span: Span | None, known_then: bool) -> str:
    """The rows that are the answer from the moment they are known; one for each such moment."""
    keys = [f"__key_{n}" for n in range(len(view.keys))]
    columns = [
        *(f"{quote(column)} AS {key}" for key, (column, _) in zip(keys, view.keys, strict=True)),
        *(f"{quote(column)} AS {quote(name)}" for column, name in view.features),
        f"{view.event} AS __event",
        f"{view.known(known_then)} AS __known",
        f"{quote(view.created_timestamp) if view.created_timestamp else 'NULL'} AS __created",
    ]
    partition = f"PARTITION BY {', '.join(keys)} " if keys else ""
    # Features come last in the order so that full ties are broken alike every time.
    order = ["__known", "__event", "__created NULLS FIRST", *(quote(n) for _, n in view.features)]
    window = f"{partition}ORDER BY {', '.join(order)}"
    answers = [f"coalesce(lead(__known) OVER ({window}) > __known, true)"]
    if view.created(known_then):
        answers.append(
            f"__event >= max(__event) OVER ({window}"
            " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        )
    return (
        f"  SELECT * FROM (\n    SELECT {', '.join(columns)}\n    FROM {view.scan}\n"
        f"    WHERE {_readable(view, span, known_then)}\n  )\n  QUALIFY {' AND '.join(answers)}"
    )


def _readable(view: ViewRows, span: Span | None, known_then: bool) -> str:
    if span is None:
        return "false"
    start = span.first - view.ttl if view.ttl else None
    return view.between(start, span.last, known_then)
