"""The point-in-time join against a brute force in plain Python; no Feast is needed for this."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.features.asof_sql import Span, answers_sql, side_by_side_sql, spine_sql
from perennial.features.view_rows import ViewRows
from perennial.keep.engine import connect

BEGIN = datetime(2013, 1, 1, tzinfo=UTC)
MOMENT = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class Row:
    key: tuple[str | None, ...]
    event: datetime
    created: datetime | None
    value: int | None


@dataclass(frozen=True)
class Asked:
    key: tuple[str | None, ...]
    at: datetime | None


def at(hour: int) -> datetime:
    return BEGIN + timedelta(hours=hour)


hours = st.integers(0, 12).map(at)


def keys_of(width: int) -> st.SearchStrategy[tuple[str | None, ...]]:
    return st.tuples(*[st.sampled_from(["a", "b", None])] * width)


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, list[Row], list[Asked], timedelta | None]:
    width = draw(st.integers(0, 2))
    value = st.none() | st.integers(0, 3)
    created = st.none() | hours
    rows = draw(st.lists(st.builds(Row, keys_of(width), hours, created, value), max_size=12))
    asked = draw(st.lists(st.builds(Asked, keys_of(width), st.none() | hours), max_size=6))
    ttl = draw(st.none() | st.integers(0, 8).map(lambda n: timedelta(hours=n)))
    return width, rows, asked, ttl


def brute_force(
    rows: list[Row], asked: Asked, ttl: timedelta | None, known_then: bool
) -> set[int | None]:
    """Every answer that is right: of full ties any may be given."""
    if asked.at is None:
        return {None}
    visible = [
        row
        for row in rows
        if row.key == asked.key
        and None not in row.key
        and row.event <= asked.at
        and not (known_then and (row.created is None or row.created > asked.at))
        and (not ttl or row.event >= asked.at - ttl)
    ]

    def age(row: Row) -> tuple[datetime, bool, datetime]:
        return row.event, row.created is not None, row.created or BEGIN

    best = max(map(age, visible), default=None)
    return {row.value for row in visible if age(row) == best} if visible else {None}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Shared by all examples: opening one costs more than an example."""
    with connect(1) as opened:
        yield opened


def view_of(width: int, ttl: timedelta | None = None) -> ViewRows:
    return ViewRows(
        name="view",
        scan="source",
        keys=tuple((f"k{n}", f"key{n}") for n in range(width)),
        features=(("value", "answer"),),
        event_timestamp="event",
        created_timestamp="created",
        ttl=ttl,
    )


def filled(
    connection: duckdb.DuckDBPyConnection, width: int, rows: list[Row], asked: list[Asked]
) -> Span | None:
    source = {f"k{n}": pa.array([row.key[n] for row in rows], pa.string()) for n in range(width)}
    source["event"] = pa.array([row.event for row in rows], MOMENT)
    source["created"] = pa.array([row.created for row in rows], MOMENT)
    source["value"] = pa.array([row.value for row in rows], pa.int64())
    connection.register("source", pa.table(source))
    entity = {f"key{n}": pa.array([a.key[n] for a in asked], pa.string()) for n in range(width)}
    entity["asked_at"] = pa.array([a.at for a in asked], MOMENT)
    entity["place"] = pa.array(range(len(asked)), pa.int64())
    connection.register("entity_rows", pa.table(entity))
    moments = [a.at for a in asked if a.at]
    return Span(min(moments), max(moments)) if moments else None


def answers(
    connection: duckdb.DuckDBPyConnection,
    width: int,
    rows: list[Row],
    asked: list[Asked],
    ttl: timedelta | None = None,
    known_then: bool = True,
) -> list[int | None]:
    span = filled(connection, width, rows, asked)
    sql = answers_sql(view_of(width, ttl), "asked_at", span, known_then)
    return [value for (value,) in connection.sql(sql).fetchall()]


@pytest.mark.parametrize("known_then", [True, False])
@settings(max_examples=120, deadline=None)
@given(case=cases())
def test_every_answer_is_the_brute_force_one(
    connection: duckdb.DuckDBPyConnection,
    known_then: bool,
    case: tuple[int, list[Row], list[Asked], timedelta | None],
) -> None:
    width, rows, asked, ttl = case
    given_answers = answers(connection, width, rows, asked, ttl, known_then)
    assert len(given_answers) == len(asked)
    for question, answer in zip(asked, given_answers, strict=True):
        assert answer in brute_force(rows, question, ttl, known_then)


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_nothing_of_the_future_is_seen(
    connection: duckdb.DuckDBPyConnection,
    case: tuple[int, list[Row], list[Asked], timedelta | None],
) -> None:
    width, rows, asked, ttl = case
    numbered = [Row(r.key, r.event, r.created, n) for n, r in enumerate(rows)]
    for question, answer in zip(
        asked, answers(connection, width, numbered, asked, ttl), strict=True
    ):
        if answer is not None:
            seen = numbered[answer]
            assert question.at is not None
            assert seen.created is not None
            assert max(seen.event, seen.created) <= question.at


@settings(max_examples=40, deadline=None)
@given(case=cases(), random=st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(
    connection: duckdb.DuckDBPyConnection,
    case: tuple[int, list[Row], list[Asked], timedelta | None],
    random: object,
) -> None:
    width, rows, asked, ttl = case
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis' own random.Random
    in_order = answers(connection, width, rows, asked, ttl)
    assert in_order == answers(connection, width, shuffled, asked, ttl)


def test_late_row_hides_no_younger_one_and_is_seen_where_it_is_the_younger(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    first = Row((), event=at(1), created=at(1), value=1)
    younger = Row((), event=at(5), created=at(6), value=5)
    backfill = Row((), event=at(3), created=at(9), value=3)
    asked = [Asked((), at(hour)) for hour in (0, 4, 5, 6, 10)]
    assert answers(connection, 0, [first, younger, backfill], asked) == [None, 1, 1, 5, 5]
    seen_then = answers(connection, 0, [first, younger, backfill], asked, known_then=False)
    assert seen_then == [None, 3, 5, 5, 5]
    assert answers(connection, 0, [first, backfill], asked) == [None, 1, 1, 1, 3]


def test_a_correction_replaces_its_row_from_the_moment_it_is_made(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    rows = [Row((), at(1), at(1), 1), Row((), at(1), at(4), 2)]
    assert answers(connection, 0, rows, [Asked((), at(3)), Asked((), at(4))]) == [1, 2]


def test_value_exactly_as_old_as_its_ttl_still_counts(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    rows = [Row((), at(1), at(1), 1)]
    ttl = timedelta(hours=2)
    assert answers(connection, 0, rows, [Asked((), at(3)), Asked((), at(4))], ttl) == [1, None]
    assert answers(connection, 0, rows, [Asked((), at(9))], timedelta(0)) == [1]


def test_many_rows_keep_their_order() -> None:
    n = 30_000
    asked = [Asked((("a", "b")[i % 2],), at((i * 7919) % 12)) for i in range(n)]
    with connect(2) as connection:
        rows = [Row(("a",), at(3), at(3), 1)]
        span = filled(connection, 1, rows, asked)
        whole = side_by_side_sql([answers_sql(view_of(1), "asked_at", span, True)] * 2)
        got = connection.sql(f"SELECT place, asked_at, answer FROM ({whole})").fetchall()
    assert [place for place, _, _ in got] == list(range(n))
    for question, (_, asked_at, answer) in zip(asked, got, strict=True):
        assert asked_at == question.at
        assert answer == (1 if question.key == ("a",) and asked_at >= at(3) else None)


def test_spine_has_each_key_at_each_moment_it_became_known() -> None:
    rows = [
        Row(("a",), at(1), at(2), 1),
        Row(("a",), at(2), at(2), 2),
        Row(("b",), at(3), at(3), 3),
        Row(("b",), at(4), at(11), 4),
    ]
    with connect(1) as connection:
        filled(connection, 1, rows, [])
        known = spine_sql([view_of(1)], "at", Span(at(0), at(10)), known_then=True)
        happened = spine_sql([view_of(1)], "at", Span(at(0), at(10)), known_then=False)
        assert connection.sql(known).fetchall() == [("a", at(2)), ("b", at(3))]
        assert [when for _, when in connection.sql(happened).fetchall()] == [
            at(1),
            at(2),
            at(3),
            at(4),
        ]
