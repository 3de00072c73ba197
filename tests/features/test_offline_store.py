"""The offline store as Feast uses it: temporary repositories, real Parquet, real SQLite."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial.errors import DeclarationError, UnavailableError
from perennial.keep.engine import connect

BEGIN = datetime(2013, 1, 1, tzinfo=UTC)
OURS = {"type": "perennial.features.offline_store.AsofOfflineStore", "threads": 2}
SEEDED_ROWS = 400


@pytest.fixture(scope="module", autouse=True)
def feast() -> Any:
    """Feast, imported once: it takes seconds, and its dependencies may warn meanwhile."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import feast
    yield feast
    _close_the_default_connection()


def _close_the_default_connection() -> None:
    """Ibis, below Feast's own store, keeps one; left open, it is told as leaked at exit."""
    import ibis

    if ibis.options.default_backend is not None:
        ibis.options.default_backend.disconnect()
        ibis.options.default_backend = None


def hour(n: int) -> datetime:
    return BEGIN + timedelta(hours=n)


def moments(hours: list[int] | np.ndarray) -> pa.Array:
    return pa.array([hour(int(n)) for n in hours], pa.timestamp("us", "UTC"))


def rows_of_stop(random: np.random.Generator) -> pa.Table:
    n = SEEDED_ROWS
    event = random.permutation(n)  # no two rows of one moment: nothing to break ties by
    return pa.table(
        {
            "stop": random.choice(["a", "b", "c"], n),
            "event_timestamp": moments(event),
            "created_timestamp": moments(event + random.integers(0, 60, n)),
            "crowd": random.normal(size=n),
            "mood": random.choice(["calm", "busy"], n),
        }
    )


def rows_of_line(random: np.random.Generator) -> pa.Table:
    n = SEEDED_ROWS
    event = random.permutation(n)
    return pa.table(
        {
            "line": random.integers(0, 4, n),
            "stop_of_line": random.choice(["a", "b"], n),
            "event_timestamp": moments(event),
            "created_timestamp": moments(event),
            "late": random.integers(0, 99, n),
        }
    )


def rows_of_town() -> pa.Table:
    return pa.table({"event_timestamp": moments([0, 100]), "heat": [10.0, 20.0]})


def write_days(folder: Path, rows: pa.Table) -> None:
    """As the lake has it: one folder a day."""
    folder.mkdir(parents=True)
    with connect() as connection:
        connection.register("rows", rows)
        connection.execute(
            "COPY (SELECT *, CAST(event_timestamp AS DATE) AS day FROM rows) "
            f"TO '{folder}' (FORMAT parquet, PARTITION_BY (day))"
        )


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository's folder with three tables beside it."""
    random = np.random.default_rng(2013)
    folder = tmp_path / "feature_repo"
    folder.mkdir()
    write_days(tmp_path / "lake" / "stops", rows_of_stop(random))
    pq.write_table(rows_of_line(random), tmp_path / "lake" / "lines.parquet")
    write_days(tmp_path / "lake" / "town", rows_of_town())
    return folder


def source(feast: Any, path: str, created: str = "created_timestamp", **more: Any) -> Any:
    return feast.FileSource(
        name=f"{Path(path).stem}_source",
        path=path,
        timestamp_field="event_timestamp",
        created_timestamp_column=created,
        **more,
    )


def declared(feast: Any, stop_ttl: timedelta | None = None) -> dict[str, Any]:
    """Entities, a keyed view, a view by two keys with renamed columns, one without entities."""
    from feast.types import Float64, Int64, String

    stop = feast.Entity(name="stop", join_keys=["stop"], value_type=feast.ValueType.STRING)
    line = feast.Entity(name="line", join_keys=["line"], value_type=feast.ValueType.INT64)
    stops = feast.FeatureView(
        name="stops",
        entities=[stop],
        ttl=stop_ttl,
        schema=[
            feast.Field(name="stop", dtype=String),
            feast.Field(name="crowd", dtype=Float64),
            feast.Field(name="mood", dtype=String),
        ],
        source=source(feast, "../lake/stops"),
    )
    lines = feast.FeatureView(
        name="lines",
        entities=[line, stop],
        schema=[
            feast.Field(name="line", dtype=Int64),
            feast.Field(name="stop", dtype=String),
            feast.Field(name="minutes_late", dtype=Int64),
        ],
        source=source(
            feast,
            "../lake/lines.parquet",
            field_mapping={"stop_of_line": "stop", "late": "minutes_late"},
        ),
    )
    town = feast.FeatureView(
        name="town",
        entities=[],
        schema=[feast.Field(name="heat", dtype=Float64)],
        source=source(feast, "../lake/town", created=""),
    )
    return {"stop": stop, "line": line, "stops": stops, "lines": lines, "town": town}


def open_store(feast: Any, repo: Path, offline: dict[str, Any] | str = OURS) -> Any:
    config = feast.RepoConfig(
        project="test",
        provider="local",
        registry=str(repo / "registry.db"),
        offline_store=offline,
        online_store={"type": "sqlite", "path": str(repo / "online.db")},
        entity_key_serialization_version=3,
        repo_path=repo,
    )
    return feast.FeatureStore(config=config)


@pytest.fixture
def store(feast: Any, repo: Path) -> Any:
    made = open_store(feast, repo)
    made.apply(list(declared(feast).values()))
    return made


def entity_frame(n: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "place": range(n),
            "stop": random.choice(["a", "b", "nowhere"], n),
            "line": random.integers(0, 5, n),
            "event_timestamp": [hour(int(h)) for h in random.integers(-20, SEEDED_ROWS, n)],
        }
    )


FEATURES = ["stops:crowd", "stops:mood", "lines:minutes_late", "town:heat"]


@pytest.mark.slow
@pytest.mark.parametrize("ttl", [None, timedelta(hours=5)])
@pytest.mark.parametrize("known_then", [True, False])
def test_equals_feasts_own_duckdb_store(
    feast: Any, repo: Path, ttl: timedelta | None, known_then: bool
) -> None:
    """Value by value, where both are defined: Feast's reads no folders of days, so one file."""
    views = declared(feast, ttl)
    with connect() as connection:
        query = f"SELECT * FROM '{repo}/../lake/stops/*/*.parquet'"
        stops = connection.sql(query).to_arrow_table()
    pq.write_table(stops, repo / "stops.parquet")
    views["stops"].batch_source = source(feast, str(repo / "stops.parquet"))
    views["lines"].batch_source = source(
        feast,
        str(repo.parent / "lake" / "lines.parquet"),
        field_mapping={"stop_of_line": "stop", "late": "minutes_late"},
    )
    features = ["stops:crowd", "stops:mood", "lines:minutes_late"]
    answers = []
    for offline in [{**OURS, "known_then": False}, {"type": "duckdb"}]:
        made = open_store(feast, repo, offline)
        made.apply([views[name] for name in ("stop", "line", "stops", "lines")])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ibis' deprecations, not ours
            job = made.get_historical_features(
                entity_frame(), features, filter_by_created_timestamp=known_then
            )
            answers.append(job.to_df().sort_values("place").reset_index(drop=True))
    ours, theirs = answers
    assert ours["crowd"].notna().sum() > 20
    pd.testing.assert_frame_equal(ours, theirs[ours.columns], check_dtype=False)


def test_every_row_is_kept_in_its_order_with_nulls_where_nothing_was_known(store: Any) -> None:
    asked = entity_frame()
    answer = store.get_historical_features(asked, FEATURES).to_df()
    assert list(answer.columns) == [*asked.columns, "crowd", "mood", "minutes_late", "heat"]
    pd.testing.assert_series_equal(answer["place"], asked["place"])
    assert answer.loc[answer["stop"] == "nowhere", "crowd"].isna().all()
    is_early = answer["event_timestamp"] < BEGIN
    assert is_early.any()
    assert answer.loc[is_early, ["crowd", "mood", "minutes_late", "heat"]].isna().all(axis=None)
    assert answer.loc[~is_early, "heat"].notna().all(), "a view without entities answers all"


def test_backfill_is_hidden_by_default_and_seen_when_known_then_is_false(
    feast: Any, tmp_path: Path
) -> None:
    rows = pa.table(
        {
            "stop": ["a", "a"],
            "event_timestamp": moments([1, 2]),
            "created_timestamp": moments([1, 500]),
            "crowd": [1.0, 2.0],
            "mood": ["calm", "busy"],
        }
    )
    (tmp_path / "lake").mkdir()
    write_days(tmp_path / "lake" / "stops", rows)
    asked = pd.DataFrame({"stop": ["a", "a"], "event_timestamp": [hour(3), hour(501)]})
    views = declared(feast)
    crowd = {}
    for known_then in (True, False):
        made = open_store(feast, tmp_path / "lake", {**OURS, "known_then": known_then})
        views["stops"].batch_source = source(feast, "stops")
        made.apply([views["stop"], views["stops"]])
        crowd[known_then] = made.get_historical_features(asked, ["stops:crowd"]).to_df()["crowd"]
        flag = made.get_historical_features(
            asked, ["stops:crowd"], filter_by_created_timestamp=True
        )
        assert list(flag.to_df()["crowd"]) == [1.0, 2.0]
    assert list(crowd[True]) == [1.0, 2.0]
    assert list(crowd[False]) == [2.0, 2.0]


def test_one_view_joined_twice_under_other_names(feast: Any, store: Any) -> None:
    stops = store.get_feature_view("stops")
    service = feast.FeatureService(
        name="trip",
        features=[
            stops[["crowd"]].with_name("start").with_join_key_map({"stop": "from"}),
            stops[["crowd"]].with_name("finish").with_join_key_map({"stop": "to"}),
        ],
    )
    store.apply([service])
    asked = pd.DataFrame({"from": ["a"], "to": ["b"], "event_timestamp": [hour(200)]})
    answer = store.get_historical_features(asked, service, full_feature_names=True).to_df()
    alone = pd.DataFrame({"stop": ["a", "b"], "event_timestamp": [hour(200)] * 2})
    crowd = store.get_historical_features(alone, ["stops:crowd"]).to_df()["crowd"]
    assert list(answer[["start__crowd", "finish__crowd"]].loc[0]) == list(crowd)


def shares_by_pandas(given: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"crowd_share": given["crowd"] * given["share"]})


def shares_by_python(given: dict[str, Any]) -> dict[str, Any]:
    pairs = zip(given["crowd"], given["share"], strict=True)
    return {"crowd_share": [None if crowd is None else crowd * share for crowd, share in pairs]}


SHARES: dict[str, Callable[..., Any]] = {"pandas": shares_by_pandas, "python": shares_by_python}


@pytest.mark.parametrize("mode", list(SHARES))
def test_on_demand_views_are_applied(feast: Any, store: Any, mode: str) -> None:
    from feast.on_demand_feature_view import on_demand_feature_view
    from feast.types import Float64

    request = feast.RequestSource(
        name="question", schema=[feast.Field(name="share", dtype=Float64)]
    )

    view = on_demand_feature_view(
        name="shares",
        sources=[store.get_feature_view("stops"), request],
        schema=[feast.Field(name="crowd_share", dtype=Float64)],
        mode=mode,
    )(SHARES[mode])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Feast calls on-demand views experimental when applied
        store.apply([view])
    asked = entity_frame().assign(share=0.5)
    answer = store.get_historical_features(asked, ["stops:crowd", "shares:crowd_share"]).to_df()
    assert answer["crowd_share"].notna().any()
    pd.testing.assert_series_equal(
        answer["crowd_share"], answer["crowd"] * 0.5, check_names=False, check_dtype=False
    )


def test_questions_as_arrow_sql_and_pandas_are_answered_alike(store: Any, tmp_path: Path) -> None:
    asked = entity_frame()
    pq.write_table(pa.Table.from_pandas(asked), tmp_path / "asked.parquet")
    query = f"SELECT * FROM '{tmp_path}/asked.parquet' ORDER BY place"
    by_pandas, by_arrow, by_sql = (
        store.get_historical_features(given, FEATURES).to_arrow()
        for given in (asked, pa.Table.from_pandas(asked, preserve_index=False), query)
    )
    assert by_pandas.equals(by_arrow)
    assert by_pandas.equals(by_sql)


def test_to_sql_says_what_is_run(store: Any) -> None:
    query = "SELECT 'a' AS stop, TIMESTAMPTZ '2013-01-09 00:00:00+00' AS event_timestamp"
    job = store.get_historical_features(query, ["stops:crowd", "town:heat"])
    with connect() as connection:
        assert connection.sql(job.to_sql()).to_arrow_table().equals(job.to_arrow())


def test_without_entity_rows_each_key_is_told_at_each_moment_it_became_known(store: Any) -> None:
    job = store.get_historical_features(
        features=["stops:crowd", "town:heat"], start_date=hour(50), end_date=hour(90)
    )
    answer = job.to_df()
    assert answer["crowd"].notna().all()
    assert answer["event_timestamp"].between(hour(50), hour(90)).all()
    assert answer["event_timestamp"].is_monotonic_increasing
    assert not answer.duplicated(["stop", "event_timestamp"]).any()
    with pytest.raises(ValueError, match="must share their keys"):
        store.get_historical_features(
            features=["stops:crowd", "lines:minutes_late"],
            start_date=hour(50),
            end_date=hour(90),
        )


def test_no_entity_rows_give_no_rows_but_all_columns(store: Any) -> None:
    job = store.get_historical_features(entity_frame(0), FEATURES)
    answer = job.to_arrow()
    assert answer.num_rows == 0
    assert answer.column_names[-4:] == ["crowd", "mood", "minutes_late", "heat"]
    assert job.metadata.min_event_timestamp is None


def test_metadata_names_keys_and_span(store: Any) -> None:
    asked = entity_frame()
    metadata = store.get_historical_features(asked, FEATURES).metadata
    assert metadata.features == FEATURES
    assert metadata.keys == ["place", "stop", "line"]
    assert metadata.min_event_timestamp == asked["event_timestamp"].min()
    assert metadata.max_event_timestamp == asked["event_timestamp"].max()


def test_missing_files_say_what_was_looked_for_and_where_it_was_declared(
    feast: Any, repo: Path, store: Any
) -> None:
    views = declared(feast)
    views["stops"].batch_source = source(feast, "../lake/nothing")
    store.apply([views["stop"], views["stops"]])
    asked = entity_frame(3)
    with pytest.raises(UnavailableError) as error:
        store.get_historical_features(asked, ["stops:crowd"])
    for told in ("'stops'", "'nothing_source'", "../lake/nothing", "**/*.parquet", str(repo)):
        assert told in str(error.value)


def test_a_column_that_the_files_lack_is_named(feast: Any, store: Any) -> None:
    views = declared(feast)
    views["stops"].batch_source = source(feast, "../lake/stops", created="made_at")
    store.apply([views["stop"], views["stops"]])
    with pytest.raises(DeclarationError, match="made_at"):
        store.get_historical_features(entity_frame(3), ["stops:crowd"]).to_arrow()


def test_other_sources_are_refused_when_they_are_applied(feast: Any, store: Any) -> None:
    views = declared(feast)
    views["stops"].batch_source = source(feast, "s3://somewhere/stops")
    with pytest.raises(DeclarationError, match="local files"):
        store._get_provider().validate_data_source(store.config, views["stops"].batch_source)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda frame: frame.drop(columns="line"), "lacks \\['line'\\]"),
        (lambda frame: frame.assign(crowd=1), "columns \\['crowd'\\]"),
        (lambda frame: frame.drop(columns="event_timestamp"), "event_timestamp"),
    ],
)
def test_unfit_entity_rows_are_refused(
    store: Any, change: Callable[[pd.DataFrame], pd.DataFrame], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        store.get_historical_features(change(entity_frame(3)), FEATURES)


@pytest.mark.parametrize("path", ["saved.parquet", "saved"])
def test_saved_datasets_can_be_read_back(feast: Any, store: Any, repo: Path, path: str) -> None:
    from feast.errors import SavedDatasetLocationAlreadyExists
    from feast.infra.offline_stores.file_source import SavedDatasetFileStorage

    job = store.get_historical_features(entity_frame(), FEATURES)
    storage = SavedDatasetFileStorage(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Feast calls saved data sets experimental
        saved = store.create_saved_dataset(job, "saved", storage)
        with pytest.raises(SavedDatasetLocationAlreadyExists):
            store.create_saved_dataset(job, "saved", storage)
        store.create_saved_dataset(job, "saved", storage, allow_overwrite=True)
    assert saved.to_df()["crowd"].notna().sum() == job.to_df()["crowd"].notna().sum()
    assert len(saved.to_df()) == len(entity_frame())


@pytest.mark.parametrize("pull_latest", [True, False])
def test_materialized_values_are_the_latest_ones(
    feast: Any, repo: Path, store: Any, pull_latest: bool
) -> None:
    made = open_store(feast, repo)
    made.config.materialization_config.pull_latest_features = pull_latest
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.materialize(hour(0), hour(300))
    answer = made.get_online_features(
        FEATURES, [{"stop": "a", "line": 1}, {"stop": "nowhere", "line": 1}]
    ).to_dict()
    stops = duckdb.sql(f"SELECT * FROM '{repo}/../lake/stops/*/*.parquet'").to_df()
    until = stops[(stops["stop"] == "a") & (stops["event_timestamp"] <= hour(300))]
    latest = until.sort_values("event_timestamp").iloc[-1]
    assert answer["crowd"] == [latest["crowd"], None]
    assert answer["mood"] == [latest["mood"], None]
    assert answer["heat"] == [20.0, 20.0]


def test_of_equal_event_timestamps_the_last_created_is_materialized(
    feast: Any, tmp_path: Path
) -> None:
    rows = pa.table(
        {
            "stop": ["a", "a", "a"],
            "event_timestamp": moments([1, 1, 0]),
            "created_timestamp": moments([3, 2, 9]),
            "crowd": [3.0, 2.0, 9.0],
            "mood": ["calm"] * 3,
        }
    )
    write_days(tmp_path / "stops", rows)
    made = open_store(feast, tmp_path)
    views = declared(feast)
    views["stops"].batch_source = source(feast, "stops")
    made.apply([views["stop"], views["stops"]])
    made.materialize(hour(0), hour(9))
    assert made.get_online_features(["stops:crowd"], [{"stop": "a"}]).to_dict()["crowd"] == [3.0]


def test_rows_written_offline_are_read_afterwards(store: Any) -> None:
    new = pd.DataFrame(
        {
            "stop": ["a"],
            "event_timestamp": [hour(5_000)],
            "created_timestamp": [hour(5_000)],
            "crowd": [77.0],
            "mood": ["calm"],
            "day": [hour(5_000).date()],
        }
    )
    store.write_to_offline_store("stops", new)
    asked = pd.DataFrame({"stop": ["a"] * 2, "event_timestamp": [hour(4_999), hour(5_000)]})
    crowd = store.get_historical_features(asked, ["stops:crowd"]).to_df()["crowd"]
    assert crowd[1] == 77.0
    assert crowd[0] != 77.0


def test_logged_features_are_kept(feast: Any, store: Any, repo: Path) -> None:
    from feast.feature_logging import LoggingConfig
    from feast.infra.offline_stores.file_source import FileLoggingDestination

    service = feast.FeatureService(
        name="served",
        features=[store.get_feature_view("stops")],
        logging_config=LoggingConfig(destination=FileLoggingDestination(path="../log")),
    )
    store.apply([service])
    logged = pa.table({"stop": ["a"], "crowd": [1.0]})
    for _ in range(2):
        store.write_logged_features(logged, service)
    assert pq.read_table(repo.parent / "log").num_rows == 2
