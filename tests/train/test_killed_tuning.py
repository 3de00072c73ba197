"""A search that is killed goes on with the next call, and ends as if nobody had killed it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from perennial.train.registry import Registry
from perennial.train.tuning import Tuned, tune

AT = "2024-01-31"
TRAIN = {
    "parameters": {"num_leaves": 2, "learning_rate": 0.2},  # so that another one is better
    "stopping": {"days": 4, "rounds": 3, "max_rounds": 8},
    "tune": {
        "folds": 2, "days": 4, "confirm_days": 6, "trials": 3, "minutes": 30,
        "search": {"num_leaves": {"low": 3, "high": 15}},
    },
}  # fmt: skip

DIES = """
import os, signal, sys
from importlib import import_module
from pathlib import Path
from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.train.tuning import study, tune

study.fingerprints.of_engine = lambda *packages: "the same code"
module, _, name = sys.argv[2].rpartition(":")
target = import_module(module)
*path, last = name.split(".")
for part in path:
    target = getattr(target, part)
real, left = getattr(target, last), [int(sys.argv[3])]

def die_at_last(*arguments, **options):
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return real(*arguments, **options)

setattr(target, last, die_at_last)
tune("ripeness", "2024-01-31", project=Project(Path(sys.argv[1]), Settings()))
"""

POINTS = (
    ("perennial.train.tuning.searching:answers_of", 1),  # the second fold of the first trial
    ("perennial.train.tuning.scores:Scores.keep", 1),  # the second trial: judged, not yet told
    ("mlflow.tracking:MlflowClient.log_batch", 0),  # told, and half written into MLflow
    ("perennial.train.tuning.confirming:answers_of", 1),  # while the best is confirmed
)


def kill(project: Any, where: str, after: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DIES, str(project.root), where, str(after)],
        check=False, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_search_that_is_killed_again_and_again_ends_as_one_that_is_not(
    make_project: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    # Edited while this runs, the engine's code would rightly make it another study.
    monkeypatch.setattr("perennial.keep.fingerprints.of_engine", lambda *packages: "the same code")
    project = make_project(train=TRAIN)
    for where, after in POINTS:
        kill(project, where, after)
    resumed = tune("ripeness", AT, project=project)
    assert resumed.n_trials == 3
    check_runs(Registry(project), resumed)
    (project.var / "tune").rename(tmp_path / "tune-before")
    unhurt = tune("ripeness", AT, project=project)
    assert unhurt == resumed
    check_runs(Registry(project), resumed)


def check_runs(registry: Registry, report: Tuned) -> None:
    """One finished run a trial below one run of the study; what was killed is closed."""
    runs = registry.client.search_runs([registry.experiment("ripeness")])
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED"}
    whole = [run for run in runs if run.info.status == "FINISHED"]
    (parent,) = [run for run in whole if "perennial.trial" not in run.data.tags]
    assert parent.data.tags["perennial.best_trial"] == str(report.best)
    trials = {run.data.tags["perennial.trial"]: run for run in whole if run is not parent}
    assert len(whole) == 1 + report.n_trials
    assert sorted(trials) == [str(each.number) for each in report.trials]
    for each in report.trials:
        run = trials[str(each.number)]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.params == {name: str(value) for name, value in each.parameters.items()}
        assert run.data.metrics.get("mean_roc_auc") == each.value
