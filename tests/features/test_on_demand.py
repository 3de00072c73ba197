"""On-demand views: the same function of the same columns, online and offline, in both modes."""

from __future__ import annotations

import importlib.util
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pytest

from perennial.features.repository import load

load()  # Feast, silent

from feast import Field, RequestSource  # noqa: E402  # only now
from feast.on_demand_feature_view import OnDemandFeatureView  # noqa: E402
from feast.types import Bool, Float64, Int64, String, UnixTimestamp  # noqa: E402

from perennial.features.on_demand import OnDemand, as_list  # noqa: E402
from perennial.features.retrieval_job import Narrowed  # noqa: E402

REPO = Path(__file__).parents[2] / "feature_repo"
MOMENTS = (
    "airport_departures__airport_last_departed_at",
    "carrier_departures__carrier_last_departed_at",
    "destination_arrivals__destination_last_arrived_at",
    "aircraft_movements__aircraft_last_moved_at",
    "aircraft_movements__aircraft_back_at",
)


@pytest.fixture(scope="module")
def schedule() -> Any:
    """The flights' own view, as it is declared."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(REPO))
        spec = importlib.util.spec_from_file_location("views", REPO / "on_demand_views.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        patched.setitem(sys.modules, "views", module)
        before = set(sys.modules)
        spec.loader.exec_module(module)
        for name in set(sys.modules) - before:
            if str(REPO) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]
    return module.schedule


def slow_schedule(inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The same by pandas."""
    frame = {name: pd.to_datetime(pd.Series(values), utc=True) for name, values in inputs.items()}
    departure = frame["scheduled_departure"]
    local = departure.dt.tz_convert("America/New_York")
    asked = departure - pd.Timedelta(hours=1)
    airport, carrier, destination, aircraft, back = (
        (at - frame[name]).dt.total_seconds() / 60
        for name, at in zip(MOMENTS, [asked] * 4 + [departure], strict=True)
    )
    columns = [
        local.dt.hour * 60 + local.dt.minute, local.dt.hour, local.dt.dayofweek + 1,
        airport, carrier, destination, aircraft, back,
    ]  # fmt: skip
    lists = [column.astype("float64").tolist() for column in columns]
    return {
        name: [None if value != value else value for value in values]
        for name, values in zip(NAMES, lists, strict=True)
    }


NAMES = (
    "departure_clock_minutes", "departure_hour", "departure_weekday",
    "minutes_since_airport_departed", "minutes_since_carrier_departed",
    "minutes_since_destination_arrived", "minutes_since_aircraft_moved", "aircraft_spare_minutes",
)  # fmt: skip


def flights(n: int, seed: int) -> dict[str, list[Any]]:
    """Departures all over a year, most around the hours in which New York's clocks change."""
    draw = random.Random(seed)
    changes = [datetime(2013, 3, 10, 7, tzinfo=UTC), datetime(2013, 11, 3, 6, tzinfo=UTC)]
    begin = datetime(2013, 1, 1, tzinfo=UTC)
    departures = [
        draw.choice(changes) + timedelta(minutes=draw.randint(-300, 300))
        if draw.random() < 0.7
        else begin + timedelta(minutes=draw.randint(0, 365 * 1440))
        for _ in range(n)
    ]
    columns: dict[str, list[Any]] = {"scheduled_departure": departures}
    for name in MOMENTS:
        columns[name] = [
            None if draw.random() < 0.2 else at - timedelta(seconds=draw.randint(-9999, 99_999))
            for at in departures
        ]
    return columns


def offline(view: Any, columns: dict[str, list[Any]], types: dict[str, pa.DataType]) -> pa.Table:
    table = pa.table({name: pa.array(columns[name], types[name]) for name in columns})
    narrowed = cast(OnDemandFeatureView, Narrowed(view))
    return narrowed.transform_arrow(table, full_feature_names=True)


@pytest.mark.parametrize("seed", range(5))
def test_the_flights_schedule_is_what_pandas_makes_of_it(schedule: Any, seed: int) -> None:
    columns = flights(400, seed)
    expected = {f"schedule__{name}": each for name, each in slow_schedule(columns).items()}
    assert OnDemand(schedule).run(columns, 400) == expected
    types = dict.fromkeys(columns, pa.timestamp("us", "UTC"))
    table = offline(schedule, columns, types)
    assert table.to_pydict() == expected
    assert set(table.schema.types) == {pa.float64()}


def test_the_flights_schedule_knows_the_clocks_of_new_york(schedule: Any) -> None:
    hours = {
        datetime(2013, 3, 10, 6, 59, tzinfo=UTC): (1, 119),
        datetime(2013, 3, 10, 7, 0, tzinfo=UTC): (3, 180),  # there is no two o'clock
        datetime(2013, 11, 3, 5, 30, tzinfo=UTC): (1, 90),
        datetime(2013, 11, 3, 6, 30, tzinfo=UTC): (1, 90),  # and here it is one o'clock twice
    }
    columns: dict[str, list[Any]] = {"scheduled_departure": list(hours)}
    columns |= {name: [None] * len(hours) for name in MOMENTS}
    made = OnDemand(schedule).run(columns, len(hours))
    clocks = (made["schedule__departure_hour"], made["schedule__departure_clock_minutes"])
    assert list(zip(*clocks, strict=True)) == list(hours.values())
    assert made["schedule__departure_weekday"] == [7.0] * 4
    assert made["schedule__aircraft_spare_minutes"] == [None] * 4


FIELDS = [
    Field(name="half", dtype=Float64),
    Field(name="word", dtype=String),
    Field(name="is_odd", dtype=Bool),
]


def by_lists(inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {
        "half": [float("nan") if each is None else each / 2 for each in inputs["number"]],
        "word": [None if each is None else str(each) for each in inputs["number"]],
        "is_odd": [None if each is None else each % 2 == 1 for each in inputs["number"]],
    }


def by_frame(inputs: pd.DataFrame) -> pd.DataFrame:
    numbers = inputs["number"].astype("Int64")
    return pd.DataFrame(
        {"half": numbers / 2, "word": numbers.astype("string"), "is_odd": numbers % 2 == 1}
    )


def view(mode: str, function: Any = None) -> Any:
    source = RequestSource(
        name="asked",
        schema=[Field(name="number", dtype=Int64), Field(name="at", dtype=UnixTimestamp)],
    )
    function = function or {"python": by_lists, "pandas": by_frame}[mode]
    return OnDemandFeatureView(
        name="made", sources=[source], schema=FIELDS, mode=mode, udf=function, udf_string=mode
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("mode", ["python", "pandas"])
@pytest.mark.parametrize("numbers", [[1, 2], [3, None], [None, None], [None]])
def test_both_modes_give_the_same_online_and_offline(mode: str, numbers: list[Any]) -> None:
    at = [datetime(2013, 3, 1, tzinfo=UTC)] * len(numbers)
    columns = {"number": numbers, "at": at}
    expected = {
        "made__half": [None if each is None else each / 2 for each in numbers],
        "made__word": [None if each is None else str(each) for each in numbers],
        "made__is_odd": [None if each is None else each % 2 == 1 for each in numbers],
    }
    if any(each is not None for each in numbers) or mode == "python":
        assert OnDemand(view(mode)).run(columns, len(numbers)) == expected
    types = {"number": pa.int64(), "at": pa.timestamp("us", "UTC")}
    table = offline(view(mode), columns, types).select(list(expected))
    assert table.to_pydict() == expected
    if mode == "python":
        assert table.schema.types == [pa.float64(), pa.string(), pa.bool_()]


def test_a_function_that_loses_a_question_is_refused() -> None:
    def losing(inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return {name: values[1:] for name, values in by_lists(inputs).items()}

    columns = {"number": [1, 2], "at": [None, None]}
    with pytest.raises(ValueError, match="gave 1 of 2 values: made__half"):
        OnDemand(view("python", losing)).run(columns, 2)


@pytest.mark.parametrize(
    "type_",
    [pa.timestamp("us", "UTC"), pa.timestamp("ms", "America/New_York"), pa.timestamp("s", "UTC")],
)
def test_moments_are_listed_as_arrow_lists_them(type_: pa.DataType) -> None:
    at = datetime(2013, 3, 10, 7, tzinfo=UTC)
    column = pa.chunked_array([pa.array([at, None], type_), pa.array([], type_)])
    assert as_list(column) == column.to_pylist() == [at, None]
    assert as_list(pa.chunked_array([pa.array([1, None])])) == [1, None]
