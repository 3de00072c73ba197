"""Policies lived through: what each night knows, what is left alone, and what a kill costs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial.declare.project import Project
from perennial.errors import NotEnoughEvidenceError
from perennial.keep import partitions
from perennial.learn.loading import load_model
from perennial.measure.metrics import METRICS
from perennial.replay.policies import Replayed, replay

Make = Callable[..., Project]
START, END = "2024-01-24", "2024-02-02"
FIELDS: dict[str, Any] = {
    "judge": {
        "days": 10, "held_back_days": 6, "primary": "log_loss", "metrics": ["log_loss", "roc_auc"],
        "baselines": [{"kind": "yesterday"}], "margin": 0.5, "min_rows": 100, "resamples": 100,
    },
    "watch": {"min_rows": 20, "resamples": 100},
}  # fmt: skip


@pytest.fixture
def project(make_project: Make) -> Project:
    return make_project(n_days=40, **FIELDS)


def lived(project: Project, policies: str, **more: Any) -> Replayed:
    return replay("ripeness", START, END, policies, project=project, **more)


def folder(project: Project, name: str) -> Path:
    (found,) = (project.var / "replay" / "ripeness").glob(f"*/{name}-*/nights")
    return found.parent


def nights(project: Project, name: str) -> list[dict[str, Any]]:
    files = sorted((folder(project, name) / "nights").glob("*.json"))
    return [json.loads(each.read_text()) for each in files]


def timeless(report: Replayed) -> Any:
    """A report without what took how long."""
    told = report.model_dump(mode="json")
    for each in told["policies"]:
        del each["training_seconds"], each["processor_seconds"]
    return told


def test_two_policies_by_hand(project: Project) -> None:
    before = _content(project.root)
    report = lived(project, "never,calendar:4")
    never, calendar = report.policies
    assert (report.n_nights, never.n_trainings, calendar.n_trainings) == (10, 1, 3)
    assert [str(each) for each in calendar.trainings] == ["2024-01-24", "2024-01-28", "2024-02-01"]
    assert never.n_rows == calendar.n_rows == 600
    assert [each.month for each in never.months] == ["2024-01", "2024-02"]
    # never is the first version, asked about every row there is.
    serves = {each["serves"] for each in nights(project, "never")}
    assert len(serves) == 1
    learner = load_model(
        folder(project, "never") / "var/bentoml/bentos/ripeness" / serves.pop() / "src/model"
    )
    days = partitions.days_between(date(2024, 1, 24), date(2024, 2, 3))
    rows = pa.concat_tables(
        pq.ParquetFile(partitions.partition(project.lake / "training/ripeness", day)).read()
        for day in days
    )
    expected = METRICS["log_loss"].function(
        np.asarray(rows["label"]), learner.predict(rows.select(list(learner.features)))
    )
    assert never.metrics["log_loss"].estimate == pytest.approx(expected, abs=1e-12)
    # The calendar's versions answer from the night on which they were blessed.
    versions = [each["serves"] for each in nights(project, "calendar-4")]
    assert len(set(versions)) == 3
    assert versions[3] != versions[4] == versions[5]
    # Asked again, it is answered from what is kept.
    assert lived(project, "never,calendar:4") == report
    # And nothing that was there before has changed; what is new is below var/replay.
    after = _content(project.root)
    assert all(path.startswith("var/replay/") for path in after.keys() - before.keys())
    assert {path: after[path] for path in before} == before


def test_nothing_of_a_later_night_is_known_on_an_earlier_one(make_project: Make) -> None:
    def upside_down(day: date, table: pa.Table) -> pa.Table:
        if day < date(2024, 1, 29):
            return table
        place = table.column_names.index("label")
        return table.set_column(place, "label", pa.array(1 - np.asarray(table["label"])))

    told = []
    for rows in (lambda _, table: table, upside_down):
        project = make_project(n_days=40, rows=rows, **FIELDS)
        lived(project, "calendar:2", anew=True)
        folders = (project.var / "replay/ripeness").glob("*/calendar-2-*/nights")
        newest = max(folders, key=os.path.getmtime).parent
        files = sorted((newest / "nights").glob("*.json"))
        told.append([json.loads(each.read_text())["serves"] for each in files])
    assert told[0][:6] == told[1][:6]
    assert told[0] != told[1]


def test_a_label_that_comes_late_is_not_learned_before_it_comes(make_project: Make) -> None:
    def late(day: date, table: pa.Table) -> pa.Table:
        place = table.column_names.index("label_known_at")
        far = pa.array([np.datetime64("2024-03-01", "us")] * table.num_rows)
        return table.set_column(place, "label_known_at", far.cast(pa.timestamp("us", "UTC")))

    project = make_project(n_days=40, rows=late, **FIELDS)
    with pytest.raises(NotEnoughEvidenceError, match="no first version by 2024-01-24"):
        lived(project, "never")


def test_random_nights_take_the_number_of_another_policy(project: Project) -> None:
    report = lived(project, "random:calendar:4,calendar:4,never", draws=2)
    assert [each.policy for each in report.policies] == [
        "random:calendar:4 #1", "random:calendar:4 #2", "calendar:4", "never",
    ]  # fmt: skip
    first, second, calendar, _ = report.policies
    assert first.n_trainings == second.n_trainings == calendar.n_trainings == 3
    assert first.trainings != second.trainings
    (frontier,) = first.frontiers
    assert (frontier.family, frontier.between) == ("calendar", ("calendar:4",))
    assert frontier.expected == pytest.approx(calendar.metrics["log_loss"].estimate)


def test_a_strategy_may_be_given(project: Project) -> None:
    report = lived(project, "calendar:5/window:12")
    assert report.policies[0].n_trainings == 2
    training = nights(project, "calendar-5-window-12")[5]["training"]
    assert training["strategy"] == "window"
    story = json.loads(next((folder(project, "calendar-5-window-12") / "var/models").glob(
        "ripeness/candidate/training.json")).read_text())  # fmt: skip
    assert (story["window_start"], story["window_end"]) == ("2024-01-11", "2024-01-23")


KILLED = """
import os, signal, sys
from pathlib import Path
from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.replay.policies import living, replay
kind, at = sys.argv[2], sys.argv[3]
keep, promote = living.Records.keep, living.promote
def die(*given, **named):
    os.kill(os.getpid(), signal.SIGKILL)
if kind == "promoted":  # between the promotion and the night's record
    def kept(self, night, *rest):
        die() if str(night.night) == at else keep(self, night, *rest)
    living.Records.keep = kept
else:  # between judging and promotion
    def promoted(world, model, judged):
        return die() if str(judged.at) == at else promote(world, model, judged)
    living.promote = promoted
project = Project(Path(sys.argv[1]), Settings(project=None, mlflow_uri=None, ledger_url=None))
replay("ripeness", "2024-01-24", "2024-02-02", "calendar:4/extend,drift", project=project)
"""


@pytest.mark.slow
def test_killed_anywhere_it_goes_on_and_comes_to_the_same_report(
    make_project: Make, tmp_path: Path
) -> None:
    update = {"days": 4, "older_days": 4, "max_forgetting": 1.0}
    project = make_project(n_days=40, **FIELDS, train={**_train(), "update": update})
    policies = "calendar:4/extend,drift"
    whole = timeless(lived(project, policies))
    assert whole["policies"][0]["n_trainings"] == 3
    kept = nights(project, "calendar-4-extend")
    points = [("promoted", "2024-01-28"), ("judged", "2024-01-28"), ("promoted", "2024-02-01")]
    for place, (kind, at) in enumerate(points):
        other = Project(tmp_path / f"copy-{place}", project.settings)
        for each in ("models", "data"):
            shutil.copytree(project.root / each, other.root / each)
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(other.root), kind, at], check=False, timeout=300
        )
        assert done.returncode == -signal.SIGKILL
        assert nights(other, "calendar-4-extend")[-1]["night"] < at
        assert timeless(lived(other, policies)) == whole
        again = nights(other, "calendar-4-extend")
        assert [each["serves"] for each in again] == [each["serves"] for each in kept]


def _train() -> dict[str, Any]:
    return {
        "parameters": {"num_leaves": 7, "learning_rate": 0.2, "min_data_in_leaf": 5},
        "stopping": {"days": 4, "rounds": 5, "max_rounds": 40},
    }


def _content(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and "locks" not in path.parts
    }


def test_a_replay_needs_two_nights(project: Project) -> None:
    for end in (START, str(date.fromisoformat(START) - timedelta(days=9))):
        with pytest.raises(ValueError, match="at least two nights"):
            replay("ripeness", START, end, "never", project=project)


def test_nights_after_the_last_rows_are_refused(project: Project) -> None:
    told = "is 2024-02-10, but the rows of data/lake/training/ripeness end on 2024-02-09"
    with pytest.raises(ValueError, match=told):
        replay("ripeness", START, "2024-02-10", "never", project=project)


def test_the_first_version_learns_as_is_declared(make_project: Make) -> None:
    declared = {"strategy": "window", "window_days": 12}
    project = make_project(n_days=40, **FIELDS, train=declared)
    lived(project, "calendar:4")
    first, *_ = nights(project, "calendar-4")
    later = [each["training"] for each in nights(project, "calendar-4") if each["training"]]
    assert {each["strategy"] for each in later} == {"window"}
    assert first["training"]["strategy"] == "window"
