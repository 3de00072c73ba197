"""Look-ups for questions: the very values that a training row of the same moment has."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.declare.project import Project
from perennial.features.online import Looked, OnlineFeatures
from perennial.features.refill import refill
from perennial.features.repository import open_store, register
from perennial.features.training import features
from perennial.keep import partitions

from .market import MODEL, NOON, TTL, declare, model, write_mart

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def online(prepared: Project) -> OnlineFeatures:
    return OnlineFeatures(prepared, model())


def known(
    stall: Any = "north", fruit: Any = 1, n: int = 1, crates: int = 4
) -> dict[str, list[Any]]:
    closing = [NOON + timedelta(hours=1)] * n
    return {"closes_at": closing, "stall": [stall] * n, "fruit_number": [fruit] * n,
            "n_crates": [crates] * n}  # fmt: skip


def only(looked: Looked) -> tuple[dict[str, Any], list[str]]:
    """The one row of an answer, and what it misses."""
    return {name: value for name, (value,) in looked.columns.items()}, looked.missing[0]


def test_values_come_under_the_model_s_names_in_its_order(online: OnlineFeatures) -> None:
    columns, missing = only(online.look_up(known(), [NOON]))
    assert list(columns.items()) == [
        ("stall", "north"),
        ("n_crates", 4),
        ("prices__price", 1.25),
        ("prices__is_ripe", True),
        ("rush__closing_hour", 13.0),
        ("rush__pairs", 10.0),
        ("crowd__mood", "merry"),
    ]
    assert missing == []


def test_a_value_that_is_null_is_not_missing(online: OnlineFeatures) -> None:
    columns, missing = only(online.look_up(known("south", 2), [NOON]))
    assert (columns["crowd__mood"], columns["rush__pairs"]) == (None, 3.5)
    assert missing == ["prices"]
    columns, missing = only(online.look_up(known("north", 2), [NOON]))
    assert (columns["prices__price"], columns["prices__is_ripe"], missing) == (None, False, [])


@pytest.mark.parametrize(
    ("stall", "fruit", "missing"),
    [
        ("nowhere", 1, ["prices", "crowd"]),
        ("north", 99, ["prices"]),
        ("north", None, ["prices"]),
        (None, 1, ["prices", "crowd"]),
        ("", 0, ["prices", "crowd"]),
    ],
)
def test_an_entity_that_is_unknown_or_not_told_is_missing(
    online: OnlineFeatures, stall: Any, fruit: Any, missing: list[str]
) -> None:
    columns, found = only(online.look_up(known(stall, fruit), [NOON]))
    assert found == missing
    assert columns["prices__price"] is None
    assert (columns["crowd__mood"] is None) == ("crowd" in missing)


def test_each_question_of_a_batch_is_answered_by_itself(online: OnlineFeatures) -> None:
    asked = known(n=3) | {"stall": ["north", None, "south"], "fruit_number": [1, 1, None]}
    looked = online.look_up(asked, [NOON, NOON, NOON + 3 * TTL])
    assert looked.missing == [[], ["prices", "crowd"], ["prices", "crowd"]]
    assert looked.columns["rush__pairs"][0] == 10.0
    assert all(len(values) == 3 for values in looked.columns.values())


def test_no_question_is_no_answer(online: OnlineFeatures) -> None:
    assert online.inputs.names == list(online.look_up(known(n=1), [NOON]).columns)


def offline(project: Project, moment: datetime, asked: dict[str, list[Any]]) -> dict[str, Any]:
    """What the offline store says, by the model's columns."""
    store = open_store(project)
    rows = pa.table({**asked, "event_timestamp": [moment] * len(asked["stall"])})
    return dict(
        store.get_historical_features(
            entity_df=rows, features=store.get_feature_service(MODEL), full_feature_names=True
        )
        .to_arrow()
        .to_pydict()
    )


@pytest.mark.parametrize("event", [NOON, NOON + timedelta(microseconds=123_457)])
@pytest.mark.parametrize("late", [-MICROSECOND, timedelta(0), MICROSECOND, timedelta(seconds=1)])
def test_a_value_lives_exactly_as_long_online_as_offline(
    market: Project, event: datetime, late: timedelta
) -> None:
    write_mart(
        market, "crowd", NOON.date(), stall=["east"], n_people=[2], mood=["calm"],
        event_timestamp=[event],
    )  # fmt: skip
    refill(market, NOON + timedelta(hours=1))
    moment = event + TTL + late
    columns, missing = only(OnlineFeatures(market, model()).look_up(known("east"), [moment]))
    assert columns["crowd__mood"] == (None if late > timedelta(0) else "calm")
    assert ("crowd" in missing) == (late > timedelta(0))
    assert offline(market, moment, known("east"))["crowd__mood"] == [columns["crowd__mood"]]


HOURS = st.integers(0, 8)
CROWDS = st.lists(
    st.tuples(st.sampled_from(["north", "south"]), HOURS, st.integers(0, 5), st.integers(0, 9)),
    min_size=1,
    max_size=12,
    unique_by=lambda each: each[:3],  # the same thing is told once a moment
)
PRICES = st.lists(
    st.tuples(st.sampled_from(["north", "south"]), st.sampled_from([1, 2]), HOURS, HOURS),
    min_size=1,
    max_size=8,
    unique_by=lambda each: each[:3],
)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A registered market that the property fills anew for each example."""
    project = declare(tmp_path_factory.mktemp("stocked") / "market")
    register(project)
    return project


@settings(max_examples=20, deadline=None)
@given(crowds=CROWDS, prices=PRICES, hour=st.integers(0, 12))
def test_a_training_row_is_what_is_looked_up_at_its_moment(
    stocked: Project, crowds: list[Any], prices: list[Any], hour: int
) -> None:
    """Whatever was known when: also what is told late, corrected, or told twice."""
    begin = NOON - timedelta(hours=12)
    moment = begin + timedelta(hours=hour)
    write_mart(
        stocked, "crowd", NOON.date(), stall=[each[0] for each in crowds],
        n_people=[each[3] for each in crowds], mood=[f"mood {each[3]}" for each in crowds],
        event_timestamp=[begin + timedelta(hours=each[1]) for each in crowds],
        created_timestamp=[begin + timedelta(hours=each[1] + each[2]) for each in crowds],
    )  # fmt: skip
    write_mart(
        stocked, "prices", NOON.date(), stall=[each[0] for each in prices],
        fruit_number=[each[1] for each in prices], price=[float(each[3]) for each in prices],
        is_ripe=[each[3] % 2 == 0 for each in prices],
        event_timestamp=[begin + timedelta(hours=each[2]) for each in prices],
    )  # fmt: skip
    questions = [(stall, fruit) for stall in ("north", "south", "east") for fruit in (1, 2, None)]
    asked = known(n=len(questions)) | {
        "stall": [stall for stall, _ in questions],
        "fruit_number": pa.array([fruit for _, fruit in questions], pa.int64()).to_pylist(),
        "closes_at": [moment + timedelta(hours=1)] * len(questions),
    }
    write_mart(
        stocked, "closings", NOON.date(), **asked, closing=list(range(len(questions))),
        is_sold_out=[False] * len(questions), known_at=[moment] * len(questions),
        event_timestamp=[moment] * len(questions),
    )  # fmt: skip
    day = NOON.date()
    features(MODEL, str(day), str(day + timedelta(days=1)), project=stocked)
    refill(stocked, moment)
    online = OnlineFeatures(stocked, model())
    looked = online.look_up(asked, [moment] * len(questions))
    (file,) = partitions.files_of(stocked.lake / "training" / MODEL)
    table = pq.ParquetFile(file).read().sort_by("closing")
    for name in online.inputs.names:
        assert looked.columns[name] == table[name].to_pylist(), name
