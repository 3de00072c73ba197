"""The stage `layer`, with dbt itself over a tiny project. A run of dbt takes about a second."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from perennial.errors import DeclarationError, GateStoppedError
from perennial.layer import Layered, layer

from .harbour import EXTERNAL, SHIPS, Harbour, day, period, rows_of

pytestmark = pytest.mark.slow

FROM = ' from {{ ref("stg_ships") }}'


@pytest.fixture
def harbour(tmp_path: Path) -> Harbour:
    """Three days of ships."""
    made = Harbour(tmp_path)
    for number in range(3):
        made.moor(day(number), ("Anna", 10.0 + number), ("Berta", 20.0))
    return made


def build(harbour: Harbour, first: int, end: int) -> Layered:
    return layer(*period(first, end), project=harbour.project)


def test_a_period_is_built_day_by_day_and_an_empty_mart_has_no_day(harbour: Harbour) -> None:
    report = build(harbour, 0, 3)
    assert rows_of(report) == {"ships": (3, 6, 0), "tonnes": (3, 3, 0), "wrecks": (0, 0, 0)}
    names = [
        f"{mart}/day={day(n)}/part-0.parquet" for mart in ("ships", "tonnes") for n in range(3)
    ]
    assert sorted(harbour.lie()) == names
    table = pq.ParquetFile(harbour.project.lake / "marts" / names[3]).read()
    assert table.column_names == ["tonnes", "n_ships", "event_timestamp", "created_timestamp"]
    assert table["tonnes"].to_pylist() == [30.0]


def test_twice_is_once_and_a_day_alone_is_the_same_day(harbour: Harbour, tmp_path: Path) -> None:
    first = build(harbour, 0, 3)
    whole = harbour.lie()
    assert build(harbour, 0, 3) == first
    assert harbour.lie() == whole
    alone = Harbour(tmp_path / "alone")
    alone.project.lake.mkdir(parents=True)
    (alone.project.lake / "checked").symlink_to(harbour.project.lake / "checked")
    build(alone, 1, 2)
    lying = alone.lie()
    assert len(lying) == 2
    assert lying.items() <= whole.items()


def test_a_day_that_lost_its_rows_is_withdrawn_and_others_stay(harbour: Harbour) -> None:
    build(harbour, 0, 3)
    before = harbour.lie()
    harbour.moor(day(1))
    report = build(harbour, 1, 3)
    assert rows_of(report) == {"ships": (1, 2, 1), "tonnes": (1, 1, 1), "wrecks": (0, 0, 0)}
    assert harbour.lie() == {name: each for name, each in before.items() if str(day(1)) not in name}


@pytest.mark.parametrize("n_rows", [1, 2])
def test_rows_without_a_day_stop_everything(harbour: Harbour, n_rows: int) -> None:
    build(harbour, 0, 1)
    before = harbour.lie()
    harbour.moor(day(0), ("Carla", 1.0), ("Dora", 1.0))
    timeless = (
        f"select ship, null::timestamptz as event_timestamp, null::date as day limit {n_rows}"
    )
    harbour.write("marts/wrecks.sql", EXTERNAL + timeless.replace(" limit", FROM + " limit"))
    with pytest.raises(
        DeclarationError, match=rf"data/marts/wrecks\.sql: {n_rows} rows have no day"
    ):
        build(harbour, 0, 1)
    assert harbour.lie() == before


def test_a_mart_that_dbt_does_not_write_stops_everything(harbour: Harbour) -> None:
    build(harbour, 0, 3)
    before = harbour.lie()
    harbour.write("marts/ships.sql", SHIPS.removeprefix(EXTERNAL))
    with pytest.raises(DeclarationError, match=r"data/marts/ships\.sql: dbt has not written it"):
        build(harbour, 0, 3)
    assert harbour.lie() == before


TEST = """
models:
  - name: ships
    columns:
      - name: ship
        data_tests: [unique]
"""


def test_a_failing_test_of_dbt_publishes_nothing(harbour: Harbour) -> None:
    build(harbour, 0, 1)
    before = harbour.lie()
    harbour.write("marts/ships.yml", TEST)
    with pytest.raises(GateStoppedError, match=r"data/marts/ships\.yml: unique_ships_ship: Got 2"):
        build(harbour, 0, 3)
    assert harbour.lie() == before
    assert build(harbour, 0, 1).n_tests_passed == 1
    harbour.write(
        "marts/ships.yml", TEST.replace("[unique]", "[unique: {config: {severity: warn}}]")
    )
    (warning,) = build(harbour, 0, 3).warnings
    assert warning.startswith("unique_ships_ship: Got 2")


def test_every_wrong_query_is_told_with_its_file(harbour: Harbour) -> None:
    harbour.write("marts/wrecks.sql", EXTERNAL + "select nothing from nowhere")
    harbour.write("marts/tonnes.sql", EXTERNAL + "selct 1")
    with pytest.raises(DeclarationError) as told:
        build(harbour, 0, 1)
    tonnes, wrecks = sorted(told.value.mistakes)
    assert tonnes.startswith("data/marts/tonnes.sql: dbt build:")
    assert "nowhere" in wrecks
    assert harbour.lie() == {}


def test_a_reference_to_what_is_not_there_is_told(harbour: Harbour) -> None:
    harbour.write("marts/wrecks.sql", EXTERNAL + 'select * from {{ ref("stg_boats") }}')
    with pytest.raises(DeclarationError, match=r"wrecks.*stg_boats"):
        build(harbour, 0, 1)


def test_what_a_dead_run_left_aside_is_swept(harbour: Harbour) -> None:
    left = harbour.project.lake / ".aside" / "1-dead" / "ships"
    left.mkdir(parents=True)
    build(harbour, 0, 1)
    assert list((harbour.project.lake / ".aside").iterdir()) == []
