"""A small project about market stalls: one fresh view, two slow ones, one on demand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep import partitions

MODEL = "sells_out"
NOON = datetime(2024, 5, 3, 12, tzinfo=UTC)
TTL = timedelta(hours=2)

STORE = {
    "project": "market",
    "provider": "local",
    "registry": {
        "path": "../var/feast/registry.db",
        "registry_store_type": "perennial.features.registry_file.AtomicRegistryStore",
        "serve_features_while_materializing": True,
        "cache_ttl_seconds": 0,
    },
    "offline_store": {"type": "perennial.features.offline_store.AsofOfflineStore"},
    "online_store": {
        "type": "perennial.features.online_store.GuardedSqliteOnlineStore",
        "path": "../var/feast/online.db",
    },
    "entity_key_serialization_version": 3,
}

ENTITIES = """
from feast import Entity, ValueType

stall = Entity(name="stall", join_keys=["stall"], value_type=ValueType.STRING)
fruit = Entity(name="fruit", join_keys=["fruit_number"], value_type=ValueType.INT64)
"""

VIEWS = """
from datetime import timedelta

import pandas as pd
from entities import fruit, stall
from feast import FeatureView, Field, FileSource, PushSource, RequestSource
from feast.data_format import ParquetFormat
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Bool, Float64, Int64, String, UnixTimestamp


def mart(name):
    return FileSource(
        name=name,
        path=f"../data/lake/checked/marts/{name}",
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )


crowd = FeatureView(
    name="crowd",
    entities=[stall],
    ttl=timedelta(hours=2),
    schema=[Field(name="n_people", dtype=Int64), Field(name="mood", dtype=String)],
    source=PushSource(name="crowd_push", batch_source=mart("crowd")),
    tags={"freshness_seconds": "2"},
)
prices = FeatureView(
    name="prices",
    entities=[stall, fruit],
    ttl=timedelta(0),
    schema=[Field(name="price", dtype=Float64), Field(name="is_ripe", dtype=Bool)],
    source=mart("prices"),
)
when = RequestSource(name="when", schema=[Field(name="closes_at", dtype=UnixTimestamp)])


@on_demand_feature_view(
    sources=[when, crowd],
    schema=[Field(name="closing_hour", dtype=Float64), Field(name="pairs", dtype=Float64)],
    mode="pandas",
)
def rush(inputs: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    closing = pd.to_datetime(inputs["closes_at"], utc=True)
    return pd.DataFrame(
        {
            "closing_hour": closing.dt.hour.astype("float64"),
            "pairs": inputs["crowd__n_people"].astype("float64") / 2,
        }
    )
"""

SERVICES = """
from feast import FeatureService
from views import crowd, prices, rush

sells_out = FeatureService(name="sells_out", features=[prices, rush, crowd[["mood"]]])
"""

FIELDS: list[dict[str, Any]] = [
    {"name": "closes_at", "type": "timestamp", "example": "2024-05-03T13:00:00Z"},
    {"name": "stall", "type": "string", "feature": True, "example": "north"},
    {"name": "fruit_number", "type": "integer", "required": False, "example": 1},
    {"name": "n_crates", "type": "integer", "feature": True, "example": 4},
]

DECLARED: dict[str, Any] = {
    "name": MODEL,
    "description": "Whether a fruit is sold out when the stall closes.",
    "owner": "market",
    "task": "binary",
    "rows": {"mart": "closings", "key": ["stall", "closing"]},
    "label": {"column": "is_sold_out", "known_at": "known_at"},
    "features": "sells_out",
    "request": {
        "asked": {"field": "closes_at", "minutes_before": 60},
        "fields": [{"description": "A field.", **field} for field in FIELDS],
    },
    "train": {},
    "judge": {"primary": "roc_auc", "metrics": ["roc_auc"], "baselines": [{"kind": "yesterday"}]},
}


def model(**changes: Any) -> Model:
    """The model's declaration, with some of its top-level fields changed."""
    return Model.model_validate({**DECLARED, **changes})


def declare(root: Path, **files: str) -> Project:
    """Write the project; `files` replace definitions of the same name in `feature_repo/`."""
    definitions = {"entities": ENTITIES, "views": VIEWS, "services": SERVICES, **files}
    project = Project(root, Settings(project=None, mlflow_uri=None, ledger_url=None))
    project.feature_repo.mkdir(parents=True)
    for name, text in definitions.items():
        (project.feature_repo / f"{name}.py").write_text(text, encoding="utf-8")
    (project.feature_repo / "feature_store.yaml").write_text(yaml.safe_dump(STORE), "utf-8")
    (root / "models").mkdir()
    content = {name: value for name, value in DECLARED.items() if name != "name"}
    (root / "models" / f"{MODEL}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return project


def moments(times: list[datetime]) -> pa.Array:
    return pa.array(times, pa.timestamp("us", "UTC"))


def write_mart(project: Project, name: str, day: date, **columns: Any) -> None:
    """Make these rows the whole of a checked day; times are known as they happen."""
    columns = {
        key: moments(value) if value and isinstance(value[0], datetime) else value
        for key, value in columns.items()
    }
    columns.setdefault("created_timestamp", columns["event_timestamp"])
    lake = project.lake
    partitions.publish(lake / "checked" / "marts" / name, day, pa.table(columns), lake)


def fill(project: Project) -> None:
    """Some values of both stalls around noon, and the questions of two days."""
    write_mart(
        project, "crowd", NOON.date(), stall=["north", "north", "south"], n_people=[10, 20, 7],
        mood=["calm", "merry", None],
        event_timestamp=[NOON - timedelta(hours=3), NOON, NOON - timedelta(hours=1)],
    )  # fmt: skip
    write_mart(
        project, "prices", NOON.date(), stall=["north", "north"], fruit_number=[1, 2],
        price=[1.25, None], is_ripe=[True, False],
        event_timestamp=[NOON - timedelta(days=30)] * 2,
    )  # fmt: skip
    for number in range(2):
        close = NOON + timedelta(days=number, hours=1)
        write_mart(
            project, "closings", close.date(), closing=[1, 2, 1], stall=["north", "north", "south"],
            fruit_number=pa.array([1, 2, None], pa.int64()), n_crates=[4, 5, 6],
            closes_at=[close, close + timedelta(hours=1), close],
            is_sold_out=[True, None, False], known_at=[close + timedelta(hours=9)] * 3,
            event_timestamp=[
                close - timedelta(hours=1), close, close - timedelta(hours=1)
            ],
        )  # fmt: skip
