"""The shipped example on real days: one SQL for batch and stream, and never a look ahead."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

import pyarrow as pa
import pytest

from perennial.declare.project import Project
from perennial.features import features
from perennial.features.freshener import fresh_views
from perennial.features.online import OnlineFeatures
from perennial.features.refill import refill
from perennial.features.repository import open_store
from perennial.features.stream import FreshView, Stream
from perennial.judge import judge
from perennial.keep import partitions
from perennial.keep.engine import connect
from perennial.keep.journal import Journal
from perennial.land import land
from perennial.layer import dbt
from perennial.replay.timeline import Happened, events_of
from perennial.train import train

from .building import END, FIRST, MODEL, copy_of_the_example, with_other_sources
from .raw_story import Flight, airport_delays, flights_of_january, last_movement, route_lateness

pytestmark = pytest.mark.slow

DAY = date(2013, 1, 10)
N_FLIGHTS = 300


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def rows(files: Any, where: str = "true") -> list[dict[str, Any]]:
    """The rows of Parquet files, day by day."""
    with connect() as connection:
        query = f"FROM read_parquet({[str(each) for each in files]}) WHERE {where}"
        found: list[dict[str, Any]] = connection.sql(query).to_arrow_table().to_pylist()
    return found


@pytest.fixture(scope="module")
def training(example: Project) -> list[dict[str, Any]]:
    """All training rows."""
    return rows(partitions.files_of(example.lake / "training" / MODEL))


@pytest.fixture(scope="module")
def flights() -> list[Flight]:
    return flights_of_january()


# The SQL by itself


def test_the_unit_tests_of_dbt_hold(example: Project) -> None:
    """`layer` leaves them out, night by night; here each one runs on the project's own models."""
    with partitions.aside(example.lake) as out:
        for mart in example.marts:
            (out / mart).mkdir()
        variables = {"start": FIRST, "end": END, "out": str(out), "raw": dbt.raw_location(example)}
        results = dbt.run(example, "build", variables, "--exclude-resource-type", "test")
    ran = [each for each in results if str(each.node.resource_type) == "unit_test"]
    assert {str(each.status) for each in ran} == {"pass"}
    assert {each.node.unique_id.split(".")[2] for each in ran} >= set(example.marts)


# One SQL for batch and stream


def by_source(events: list[Happened]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        found.setdefault(event.source, []).append(event.row)
    return found


def ticks_of(events: list[Happened]) -> list[list[Happened]]:
    """The events as they may come: each moment of six busy hours alone, at other times four."""
    moments = [list(group) for _, group in groupby(events, key=lambda event: event.at)]
    ticks: list[list[Happened]] = []
    for number, events_of_moment in enumerate(moments):
        is_busy = 12 <= events_of_moment[0].at.hour < 18
        if ticks and not is_busy and number % 4:
            ticks[-1] += events_of_moment
        else:
            ticks.append(events_of_moment)
    return ticks


def newest(view: FreshView, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest row of each entity, in the order of the entities."""
    last = {}
    for row in sorted(found, key=lambda row: row["event_timestamp"]):
        last[tuple(row[key] for key in view.keys)] = row
    return [last[key] for key in sorted(last)]


def mart_rows(project: Project, view: FreshView) -> list[dict[str, Any]]:
    """The rows that the batch has made for `DAY`, with the view's columns."""
    files = partitions.files_of(project.lake / "marts" / view.mart)
    start, end = midnight(DAY), midnight(DAY + timedelta(days=1))
    within = f"event_timestamp >= '{start}' AND event_timestamp < '{end}'"
    return [{column: row[column] for column in view.columns} for row in rows(files, where=within)]


def test_a_day_of_events_tells_exactly_the_rows_that_the_marts_have(example: Project) -> None:
    views = {view.name: view for view in fresh_views(open_store(example))}
    batch = {name: mart_rows(example, view) for name, view in views.items()}
    assert min(map(len, batch.values())) >= 72
    events = events_of(example, DAY, 2)
    stream = Stream(example, list(views.values()))
    for source, each in by_source([event for event in events if event.at < midnight(DAY)]).items():
        stream.take(source, each)
    stream.changes(set(stream.sources))
    until, n_told = midnight(DAY) - timedelta(microseconds=1), 0
    for tick in ticks_of([event for event in events if event.at >= midnight(DAY)]):
        came = by_source(tick)
        for source, each in came.items():
            stream.take(source, each)
        told = stream.changes(set(came))
        since, until = until, tick[-1].at
        for name, view in views.items():
            now = [row for row in batch[name] if since < row["event_timestamp"] <= until]
            found = told[name].to_pylist() if name in told else []
            assert newest(view, found) == newest(view, now), (name, until)
            n_told += len(found)
    assert n_told > 0.7 * sum(map(len, batch.values()))


def test_posted_rows_land_as_the_delivered_ones_as_far_as_anything_was_posted(
    example: Project, tmp_path: Any
) -> None:
    """A cancelled flight never leaves nor lands, so nothing of it is posted: only a file has it.

    Neither is the landing of a diverted one: what the file says of that stays unknown.
    """
    alone = with_other_sources(copy_of_the_example(tmp_path), "inbox/{name}-*.csv")
    day, end = str(DAY), str(DAY + timedelta(days=1))
    events = events_of(example, DAY + timedelta(days=1), 2)
    for source, told in by_source(events).items():
        journal = Journal(alone.var / "journal" / "events" / source)
        journal.append([{"received_at": end, "row": row} for row in told])
        journal.close()
    for source in ("flights", "weather"):
        land(source, day, end, project=alone)
    delivered, posted = (
        {name: rows([partitions.partition(each.lake / "raw" / name, DAY)]) for name in
         ("flights", "weather")}
        for each in (example, alone)
    )  # fmt: skip
    assert posted["weather"] == delivered["weather"]
    landed = [row for row in delivered["flights"] if row["dep_delay"] is not None]
    assert len(posted["flights"]) == len(landed) >= 800
    assert len(landed) < len(delivered["flights"])
    for row in landed:
        if row["arr_delay"] is None:
            row |= {"arr_time": None, "air_time": None}
    assert posted["flights"] == landed


# Never a look ahead


def sample(training: list[dict[str, Any]], flights: list[Flight]) -> list[tuple[Any, Flight]]:
    """Training rows with the flight that each is about."""
    by_key = {flight.key: flight for flight in flights}
    chosen = random.Random(13).sample(training, N_FLIGHTS)
    return [(row, by_key[row["flight_id"]]) for row in chosen]


def same(found: Any, expected: Any) -> bool:
    if found is None or expected is None:
        return found is None and expected is None
    return bool(found == pytest.approx(expected, rel=1e-12, abs=1e-12))


def test_departures_of_the_airport_are_those_known_when_asked(
    training: list[dict[str, Any]], flights: list[Flight]
) -> None:
    n_known = 0
    for row, flight in sample(training, flights):
        asked = flight.scheduled - timedelta(hours=1)
        count, mean = airport_delays(flights, flight.row["origin"], asked) or (None, None)
        assert same(row["airport_departures__airport_n_departures"], count), flight.key
        found = row["airport_departures__airport_mean_departure_delay_minutes"]
        assert same(found, mean), flight.key
        n_known += count is not None
    assert n_known > 0.9 * N_FLIGHTS


def test_the_aircraft_s_movement_is_the_last_one_known_when_asked(
    training: list[dict[str, Any]], flights: list[Flight]
) -> None:
    n_known = 0
    for row, flight in sample(training, flights):
        asked = flight.scheduled - timedelta(hours=1)
        expected = last_movement(flights, flight.row["tailnum"], asked) or (None, None, None)
        names = ("is_under_way", "last_dest", "last_delay_minutes")
        found = [row[f"aircraft_movements__aircraft_{name}"] for name in names]
        assert found == list(expected), flight.key
        n_known += expected[1] is not None
    assert n_known > 0.6 * N_FLIGHTS


def test_lateness_of_the_route_counts_what_was_known_when_the_last_day_ended(
    training: list[dict[str, Any]], flights: list[Flight]
) -> None:
    n_known = 0
    for row, flight in sample(training, flights):
        asked = flight.scheduled - timedelta(hours=1)
        known = route_lateness(flights, flight.row["origin"], flight.row["dest"], asked)
        count, share = known or (None, None)
        assert same(row["route_lateness__route_n_flights_7_days"], count), flight.key
        assert same(row["route_lateness__route_share_late_7_days"], share), flight.key
        n_known += count is not None
    assert n_known > 0.8 * N_FLIGHTS


def test_the_label_is_the_delay_on_record(
    training: list[dict[str, Any]], flights: list[Flight]
) -> None:
    for row, flight in sample(training, flights):
        delay = flight.arrival_delay
        assert row["label"] == (None if delay is None else float(delay > 15)), flight.key
        assert row["label_known_at"] >= flight.outcome_known_at, flight.key
        assert row["event_timestamp"] == flight.scheduled - timedelta(hours=1), flight.key


def test_no_training_row_knows_of_anything_after_its_own_time(
    training: list[dict[str, Any]],
) -> None:
    for thing in ("airport_departed", "carrier_departed", "destination_arrived", "aircraft_moved"):
        minutes = [row[f"schedule__minutes_since_{thing}"] for row in training]
        known = [each for each in minutes if each is not None]
        assert len(known) > 0.5 * len(minutes), thing
        assert min(known) >= 0, thing
    assert all(row["label_known_at"] > row["event_timestamp"] for row in training)


def test_training_rows_are_the_same_when_the_future_has_not_come_yet(
    example: Project, training: list[dict[str, Any]], tmp_path: Any
) -> None:
    past = copy_of_the_example(tmp_path)
    for mart in past.marts:
        table = past.lake / "checked" / "marts" / mart
        for file in partitions.files_of(example.lake / "checked" / "marts" / mart, end=DAY):
            copied = table / file.relative_to(example.lake / "checked" / "marts" / mart)
            copied.parent.mkdir(parents=True)
            shutil.copy(file, copied)
    before = str(DAY - timedelta(days=1))
    features(MODEL, before, str(DAY), project=past)
    (file,) = partitions.files_of(past.lake / "training" / MODEL)
    # The day ends before an early departure of its last hour is in its partition.
    until = midnight(DAY) - timedelta(hours=1)
    found = [row for row in rows([file]) if row["event_timestamp"] <= until]
    (whole,) = partitions.files_of(example.lake / "training" / MODEL, DAY - timedelta(days=1), DAY)
    assert len(found) > 500
    assert found == [row for row in rows([whole]) if row["event_timestamp"] <= until]


# One definition for learning and for answering


def test_a_question_at_midnight_is_answered_online_as_it_is_offline(
    example: Project, flights: list[Flight]
) -> None:
    moment = midnight(DAY)
    departure = moment + timedelta(hours=1)
    chosen = random.Random(7).sample([f.row for f in flights if int(f.row["day"]) < 13], N_FLIGHTS)
    known: dict[str, list[Any]] = {
        name: [row[name] for row in chosen] for name in ("carrier", "tailnum", "origin", "dest")
    }
    known |= {"flight": [int(row["flight"]) for row in chosen]}
    known |= {"scheduled_departure": [departure] * N_FLIGHTS}
    refill(example, moment)
    online = OnlineFeatures(example, example.model(MODEL))
    looked = online.look_up(known, [moment] * N_FLIGHTS)
    store = open_store(example)
    asked = pa.table({**known, "event_timestamp": [moment] * N_FLIGHTS})
    offline = store.get_historical_features(
        entity_df=asked.to_pandas(),
        features=store.get_feature_service(MODEL),
        full_feature_names=True,
    ).to_arrow()
    for name, kind in online.inputs.columns.items():
        expected = offline[name].to_pylist()
        if kind == "number":
            expected = [None if each is None else float(each) for each in expected]
        assert looked.columns[name] == expected, name
    n_missing = sum(map(len, looked.missing))
    assert 0 < n_missing < N_FLIGHTS


def test_a_candidate_learns_and_is_judged_on_days_that_it_has_not_seen(example: Project) -> None:
    trained = train(MODEL, str(DAY - timedelta(days=2)), project=example)
    judged = judge(MODEL, END, project=example)
    assert judged.version == trained.version
    assert judged.verdict == "blessed", judged.reasons
    assert (judged.metrics["roc_auc"].estimate or 0) > 0.6


def test_the_fixture_holds_what_the_tests_ask_for(example: Project) -> None:
    days = partitions.days_between(date.fromisoformat(FIRST), date.fromisoformat(END))
    assert partitions.days_of(example.lake / "training" / MODEL) == days
