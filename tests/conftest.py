"""Shared by the tests of several packages: a small seeded project with training rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import perennial.learn  # noqa: F401 - says how threads wait, before a test imports torch
from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep import partitions

from . import chromium, real_servers

FIRST_DAY = date(2024, 1, 1)
MODEL = "ripeness"

MakeProject = Callable[..., Project]

LONG = ("slow", "serving", "airflow", "browser")
"""Marks of the tests that `make quick` leaves out."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let several workers begin with the files that take long, or one ends alone with such a file.

    First come those whose tests may take longest (`timeout`), then those with the most long tests.
    """
    if not hasattr(config, "workerinput"):
        return
    longest: Counter[Path] = Counter()
    n_long: Counter[Path] = Counter()
    for item in items:
        limit = item.get_closest_marker("timeout")
        longest[item.path] = max(longest[item.path], limit.args[0] if limit and limit.args else 0)
        n_long[item.path] += any(item.get_closest_marker(each) for each in LONG)
    items.sort(key=lambda item: (-longest[item.path], -n_long[item.path]))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[real_servers.Postgres]:
    """A real PostgreSQL server; tests that use it are marked `postgres`."""
    with real_servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[real_servers.Redis]:
    """A real Redis server; tests that use it are marked `redis`."""
    with real_servers.redis() as server:
        yield server


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[chromium.Browser]:
    """A browser without a window; tests that use it are marked `browser`."""
    if lacking := chromium.missing():
        pytest.skip(lacking)
    with chromium.browser(tmp_path) as opened:
        yield opened


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """A function that writes a project with the model `ripeness` and its training rows.

    Its options: `task`, `n_days`, `rows_per_day`, `seed`, `rows` (a function that may change the
    table of a day before it is written), and any top-level field of the model's declaration.
    """

    def make(
        *,
        task: str = "binary",
        n_days: int = 30,
        rows_per_day: int = 60,
        seed: int = 1,
        rows: Callable[[date, pa.Table], pa.Table] = lambda day, table: table,
        **fields: Any,
    ) -> Project:
        project = Project(tmp_path, Settings(project=None, mlflow_uri=None, ledger_url=None))
        declare(project, {"task": task, **fields})
        random = np.random.default_rng(seed)
        for day in partitions.days_between(FIRST_DAY, FIRST_DAY + timedelta(days=n_days)):
            table = rows(day, fruit(random, day, rows_per_day, task))
            file = partitions.partition(project.lake / "training" / MODEL, day)
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, file)
        return project

    return make


def declare(project: Project, fields: dict[str, Any]) -> None:
    """Write the model's declaration; `fields` go over the defaults."""
    is_binary = fields["task"] == "binary"
    declaration: dict[str, Any] = {
        "description": "How ripe a fruit is.",
        "owner": "orchard",
        "rows": {"mart": "fruit", "key": ["fruit_id"]},
        "label": {"column": "is_ripe", "known_at": "known_at"},
        "features": "ripeness_inputs",
        "request": {
            "fields": [
                {"name": "picked_at", "type": "timestamp", "description": "When.", "example": "x"}
            ],
            "asked": {"field": "picked_at"},
        },
        "train": {
            "parameters": {"num_leaves": 7, "learning_rate": 0.2, "min_data_in_leaf": 5},
            "stopping": {"days": 4, "rounds": 5, "max_rounds": 40},
        },
        "judge": {
            "days": 10,
            "primary": "roc_auc" if is_binary else "rmse",
            "metrics": ["roc_auc", "log_loss"] if is_binary else ["rmse", "mae"],
            "baselines": [{"kind": "rate_by", "columns": ["colour"]}, {"kind": "yesterday"}],
            "slices": ["colour"],
            "min_rows": 100,
            "resamples": 100,
        },
        **fields,
        # Its answers are journaled without features; test_parity*.py compare those that have them.
        "release": {"parity": None, **fields.get("release", {})},
    }
    path = project.root / "models" / f"{MODEL}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(declaration), encoding="utf-8")
    project.__dict__.pop("models", None)


def fruit(random: np.random.Generator, day: date, n: int, task: str) -> pa.Table:
    """One day's rows: key, moment, label, when it is known, features."""
    sweetness, weight = random.normal(size=n), random.gamma(4.0, 30.0, size=n)
    colour = random.choice(["green", "yellow", "red"], size=n)
    tint = np.select([colour == "green", colour == "red"], [-1.0, 1.0], 0.0)
    score = 1.5 * sweetness + tint + 0.002 * weight
    labels = score + random.normal(scale=0.5, size=n)
    if task == "binary":
        labels = (labels > 0).astype(float)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    asked = [midnight + timedelta(minutes=int(each)) for each in random.integers(1200, size=n)]
    missing = random.random(n) < 0.05
    return pa.table(
        {
            "fruit_id": pa.array([f"{day}-{each}" for each in range(n)]),
            "event_timestamp": pa.array(asked, pa.timestamp("us", "UTC")),
            "label": pa.array(labels, pa.float64()),
            "label_known_at": pa.array(
                [moment + timedelta(hours=3) for moment in asked], pa.timestamp("us", "UTC")
            ),
            "sweetness": pa.array(np.where(missing, np.nan, sweetness)),
            "weight_grams": pa.array(weight.astype(np.int64)),
            "colour": pa.array(colour, mask=random.random(n) < 0.03),
            "is_washed": pa.array(random.random(n) < 0.5),
        }
    )
