from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from perennial.declare.project import Project
from perennial.errors import NotEnoughEvidenceError, UnavailableError
from perennial.keep import partitions
from perennial.keep.ledger import Ledger, serving
from perennial.learn.loading import load_model
from perennial.learn.version_files import read
from perennial.score import SCHEMA, predictions_table, score
from perennial.score.answers import BATCH, read_day
from perennial.train import train
from perennial.train.candidate import candidate_folder

MODEL = "ripeness"
START, END = "2024-01-21", "2024-01-24"


@pytest.fixture
def served(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> Project:
    class NoRegistry:
        def __init__(self, project: Any) -> None: ...

        def register(self, trained: Any, curve: Any) -> int:
            return 1

    monkeypatch.setattr("perennial.train.registry.Registry", NoRegistry)
    project = make_project()
    train(MODEL, START, project=project)
    version = read(candidate_folder(project, MODEL)).version
    ledger = Ledger.of(project)
    ledger.reserve(MODEL, 4000)
    ledger.set_slot(MODEL, "blue", version, "proven")
    ledger.route(MODEL, "blue", version, "test", "test")
    now = serving(project, MODEL)
    assert now is not None
    shutil.copytree(candidate_folder(project, MODEL), now.version_folder)
    return project


def test_every_question_of_the_period_is_answered_once(served: Project) -> None:
    report = score(MODEL, START, END, project=served)
    assert (report.n_rows, report.n_days) == (180, 3)
    for day in (21, 22, 23):
        table = read_day(predictions_table(served, MODEL), date(2024, 1, day), BATCH)
        assert table.schema == SCHEMA
        assert len(set(table["prediction_id"].to_pylist())) == 60
        assert {json.loads(key)["fruit_id"].rpartition("-")[0]
                for key in table["key"].to_pylist()} == {f"2024-01-{day}"}  # fmt: skip


def test_twice_is_the_same_as_once(served: Project) -> None:
    first = score(MODEL, START, END, project=served)
    file = partitions.partition(predictions_table(served, MODEL), date(2024, 1, 22), BATCH)
    content = file.read_bytes()
    assert score(MODEL, START, END, project=served) == first
    assert file.read_bytes() == content


def test_scores_are_the_champion_s_with_its_version_and_the_labels(served: Project) -> None:
    report = score(MODEL, START, END, project=served)
    now = serving(served, MODEL)
    assert now is not None
    day = date(2024, 1, 21)
    rows = pq.read_table(partitions.partition(served.lake / "training" / MODEL, day))
    rows = rows.sort_by([("event_timestamp", "ascending"), ("fruit_id", "ascending")])
    table = read_day(predictions_table(served, MODEL), day, BATCH)
    assert np.array_equal(table["score"], load_model(now.version_folder).predict(rows))
    assert table["label"].to_pylist() == rows["label"].to_pylist()
    assert set(table["version"].to_pylist()) == {report.version} == {now.version}
    assert set(table["variant"].to_pylist()) == {"batch"}


def test_a_day_that_has_no_questions_any_more_has_no_answers(served: Project) -> None:
    score(MODEL, START, END, project=served)
    day = date(2024, 1, 22)
    partitions.partition(served.lake / "training" / MODEL, day).unlink()
    report = score(MODEL, START, END, project=served)
    assert (report.n_days, report.n_days_withdrawn) == (2, 1)
    assert not partitions.partition(predictions_table(served, MODEL), day, BATCH).exists()


def test_nothing_serves_is_an_error(make_project: Callable[..., Project]) -> None:
    with pytest.raises(UnavailableError, match="nothing serves"):
        score(MODEL, START, END, project=make_project())


def test_a_period_without_rows_is_an_error(served: Project) -> None:
    with pytest.raises(NotEnoughEvidenceError, match="run features for that period"):
        score(MODEL, "2025-01-01", "2025-01-02", project=served)
