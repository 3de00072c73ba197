"""The stage `features`: training rows of the period, each day whole."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from perennial.declare.project import Project
from perennial.errors import DeclarationError, UnavailableError
from perennial.features import Featured, features
from perennial.features.repository import open_store
from perennial.keep import partitions

from .market import DECLARED, MODEL, NOON, write_mart

DAY = NOON.date()
NEXT = DAY + timedelta(days=1)
END = DAY + timedelta(days=2)


def build(project: Project, start: Any = DAY, end: Any = END, online_at: str = "") -> Featured:
    return features(MODEL, str(start), str(end), online_at, project=project)


def table(project: Project, day: Any = DAY) -> pa.Table:
    file = partitions.partition(project.lake / "training" / MODEL, day)
    return pq.ParquetFile(file).read()


def lying(project: Project) -> dict[str, bytes]:
    folder = project.lake / "training"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


def redeclare(project: Project, **changes: Any) -> None:
    content = {name: value for name, value in {**DECLARED, **changes}.items() if name != "name"}
    path = project.root / "models" / f"{MODEL}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    project.__dict__.pop("models", None)


def test_a_day_s_rows_are_key_time_label_and_the_model_s_columns(market: Project) -> None:
    report = build(market)
    rows = table(market)
    leading = ["stall", "closing", "closes_at", "fruit_number"]
    times = ["event_timestamp", "label", "label_known_at"]
    assert set(rows.column_names[: -len(report.columns)]) == {*leading[1:], *times}
    assert rows.column_names[-len(report.columns) :] == list(report.columns)
    shown = rows.select(["stall", "closing", "label", "prices__price", "rush__pairs"])
    assert [tuple(row.values()) for row in shown.to_pylist()] == [
        ("north", 1, 1.0, 1.25, 10.0),
        ("north", 2, None, None, 10.0),
        ("south", 1, 0.0, None, 3.5),
    ]
    kinds = {name: str(rows.schema.field(name).type) for name in report.columns}
    assert set(kinds.values()) == {"double", "string"}
    assert kinds["stall"] == kinds["crowd__mood"] == "string"


def test_the_report_counts_rows_labels_and_what_is_missing(market: Project) -> None:
    report = build(market)
    assert (report.n_rows, report.n_labelled, report.n_days) == (6, 4, 2)
    assert report.views == ("crowd", "prices")
    assert report.missing_share["stall"] == 0
    assert report.missing_share["prices__price"] == pytest.approx(4 / 6, abs=1e-6)
    assert report.missing_share["crowd__mood"] == pytest.approx(4 / 6, abs=1e-6)  # two hours old


def test_twice_is_once_and_a_day_alone_is_the_same_day(market: Project) -> None:
    first = build(market)
    whole = lying(market)
    assert build(market) == first
    assert lying(market) == whole
    assert build(market, NEXT).n_days == 1
    assert lying(market) == whole


def test_a_day_that_lost_its_rows_is_withdrawn_and_others_stay(market: Project) -> None:
    build(market)
    partitions.withdraw(market.lake / "checked" / "marts" / "closings", NEXT)
    assert build(market).n_days == 1
    assert list(lying(market)) == [f"{MODEL}/day={DAY}/part-0.parquet"]
    build(market, DAY, NEXT)
    assert len(lying(market)) == 1


@pytest.mark.parametrize("is_there", [True, False])
def test_no_question_in_the_period_is_told_and_leaves_what_was(
    market: Project, is_there: bool
) -> None:
    build(market)
    before = lying(market)
    if is_there:
        closings = market.lake / "checked" / "marts" / "closings"
        (file,) = partitions.files_of(closings, DAY, NEXT)
        partitions.publish(closings, END, pq.ParquetFile(file).read().slice(0, 0), market.lake)
    told = "has no row" if is_there else "has no checked day"
    with pytest.raises(UnavailableError, match=rf"models/sells_out\.yaml: rows\.mart .*{told}"):
        build(market, END, END + timedelta(days=1))
    assert lying(market) == before


@pytest.mark.parametrize(
    "change",
    [
        {"rows": {"mart": "closings", "key": ["stall", "opening"]}},
        {"rows": {"mart": "closings", "key": ["closing"], "event_timestamp": "opened_at"}},
        {"label": {"column": "is_gone", "known_at": "known_at"}},
        {"label": {"column": "is_sold_out", "known_at": "told_at"}},
    ],
)
def test_a_column_that_the_mart_lacks_is_told(market: Project, change: dict[str, Any]) -> None:
    redeclare(market, **change)
    with pytest.raises(DeclarationError, match=r"models/sells_out\.yaml: rows\.mart 'closings'"):
        build(market)


def test_an_exact_decimal_is_learned_from_as_the_number_that_is_looked_up(market: Project) -> None:
    exact = [Decimal(number) * Decimal("1.609344") for number in range(1, 301)]
    moments = [NOON - timedelta(days=1)] * len(exact)
    write_mart(
        market, "prices", NOON.date(), stall=["north"] * len(exact), price=exact,
        fruit_number=list(range(len(exact))), is_ripe=[True] * len(exact), event_timestamp=moments,
    )  # fmt: skip
    write_mart(
        market, "closings", DAY, closing=list(range(len(exact))), stall=["north"] * len(exact),
        fruit_number=list(range(len(exact))), n_crates=[1] * len(exact),
        is_sold_out=[True] * len(exact),
        closes_at=[NOON + timedelta(hours=1)] * len(exact),
        **dict.fromkeys(("known_at", "event_timestamp"), [NOON] * len(exact)),
    )  # fmt: skip
    build(market, DAY, NEXT, online_at=str(NEXT))
    learned = table(market)["prices__price"].to_pylist()
    assert learned == [float(each) for each in exact]
    entities = [{"stall": "north", "fruit_number": number} for number in range(len(exact))]
    looked = open_store(market).get_online_features(["prices:price"], entities).to_dict()["price"]
    assert looked == learned


def test_the_online_store_is_filled_as_of_the_day_s_first_moment(market: Project) -> None:
    report = build(market, online_at=str(DAY))
    assert report.online_at == str(DAY)
    store = open_store(market)
    answer = store.get_online_features(["crowd:n_people"], [{"stall": "north"}]).to_dict()
    assert answer["n_people"] == [None]  # the crowd came at nine
    assert build(market, online_at=str(NEXT)).online_at == str(NEXT)
    answer = store.get_online_features(["crowd:n_people"], [{"stall": "north"}]).to_dict()
    assert answer["n_people"] == [20]


def test_a_wrong_day_to_fill_the_store_for_is_told_before_anything_is_done(market: Project) -> None:
    with pytest.raises(ValueError, match="online_at"):
        build(market, online_at="tomorrow")
    assert lying(market) == {}


def test_a_view_without_files_is_told(market: Project) -> None:
    partitions.withdraw(market.lake / "checked" / "marts" / "prices", DAY)
    with pytest.raises(UnavailableError, match="feature view 'prices': no Parquet files"):
        build(market)
