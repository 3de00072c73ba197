"""A project with a champion that serves, and days after its window that tests may change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial.declare.project import Project
from perennial.judge import judge
from perennial.judge.judged import JUDGED
from perennial.keep import partitions
from perennial.keep.ledger import Ledger, serving
from perennial.learn.version_files import read
from perennial.train import train
from perennial.train.candidate import candidate_folder

MODEL = "ripeness"
LEARN = date(2024, 2, 12)
"""The champion learned from the six weeks before, and was judged on the ten days since."""
JUDGE = LEARN + timedelta(days=10)
Change = Callable[[pa.Table], pa.Table]


@pytest.fixture(autouse=True)
def _no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow takes seconds and is no part of watching."""

    class NoRegistry:
        def __init__(self, project: Any) -> None: ...

        def register(self, trained: Any, curve: Any) -> int:
            return 1

    monkeypatch.setattr("perennial.train.registry.Registry", NoRegistry)


@pytest.fixture
def served(make_project: Callable[..., Project]) -> Callable[..., Project]:
    """A function that makes a project whose candidate serves; it takes make_project's options."""

    def make(**options: Any) -> Project:
        watch = {"min_rows": 50, "resamples": 100, **options.pop("watch", {})}
        judged = {
            "days": 10, "held_back_days": 7, "min_rows": 100, "resamples": 100,
            "baselines": [{"kind": "yesterday"}],
            **(
                {"primary": "rmse", "metrics": ["rmse", "mae"]}
                if options.get("task") == "regression"
                else {"primary": "log_loss", "metrics": ["log_loss", "roc_auc"]}
            ),
        }  # fmt: skip
        project = make_project(n_days=70, rows_per_day=100, watch=watch, judge=judged, **options)
        train(MODEL, str(LEARN), project=project)
        judge(MODEL, str(JUDGE), project=project)
        serve(project)
        return project

    return make


def serve(project: Project) -> str:
    """Let the present candidate be what serves, with its judgement."""
    version = read(candidate_folder(project, MODEL)).version
    ledger = Ledger.of(project)
    ledger.reserve(MODEL, 4000)
    ledger.set_slot(MODEL, "blue", version, "proven")
    ledger.route(MODEL, "blue", version, "test", "test")
    now = serving(project, MODEL)
    assert now is not None
    shutil.copytree(candidate_folder(project, MODEL), now.version_folder, dirs_exist_ok=True)
    report = project.var / "reports" / "judge" / f"{MODEL}.json"
    assert json.loads(report.read_text())["version"] == version
    shutil.copy(report, now.version_folder.parent / JUDGED)
    return version


def change_days(project: Project, start: date, end: date, change: Change) -> None:
    """Rewrite the rows of `start <= day < end`."""
    for day in partitions.days_between(start, end):
        file = partitions.partition(project.lake / "training" / MODEL, day)
        table = change(pq.ParquetFile(file).read())
        file.unlink()
        pq.write_table(table, file)


def replaced(name: str, values: Callable[[np.ndarray], Any]) -> Change:
    """A change of one column's values."""

    def change(table: pa.Table) -> pa.Table:
        place = table.column_names.index(name)
        old = np.array(table[name].to_pylist(), dtype=object)
        kind = table.schema.field(name).type
        return table.set_column(place, name, pa.array(list(values(old)), kind))

    return change


def shifted(name: str, by: float) -> Change:
    """A change that adds to a column of numbers."""
    return replaced(name, lambda old: [None if each is None else type(each)(each + by)
                                       for each in old])  # fmt: skip
