"""A training that is killed leaves nothing half done, and the next one ends where it would have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from perennial.errors import UnavailableError
from perennial.train import train
from perennial.train.candidate import read_candidate, replace_candidate
from perennial.train.registry import Registry

DIES = """
import os, signal, sys
from pathlib import Path
from importlib import import_module
from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.train import train

def die(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)

module, _, name = sys.argv[2].rpartition(":")
target = import_module(module)
*path, last = name.split(".")
for part in path:
    target = getattr(target, part)
setattr(target, last, die)
train(*sys.argv[3:], project=Project(Path(sys.argv[1]), Settings()))
"""

POINTS = {
    "before it learns": ("perennial.train.training:fit_of", False),
    "after it learned": ("perennial.train.keeping:replace_candidate", False),
    "before it is registered": ("perennial.train.registry:Registry.register", True),
    "while it is registered": ("mlflow.tracking:MlflowClient.create_model_version", True),
}


FIRST = ("ripeness", "2024-01-21")
UPDATE = ("ripeness", "2024-02-12", "2024-02-05", "stateful")


def killed(project: Any, where: str, arguments: tuple[str, ...]) -> None:
    """Train in a process of its own that kills itself at `where`."""
    done = subprocess.run(
        [sys.executable, "-c", DIES, str(project.root), where, *arguments],
        check=False,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("point", list(POINTS))
def test_killed_training_is_made_good_by_the_next(make_project: Any, point: str) -> None:
    project = make_project()
    where, has_candidate = POINTS[point]
    killed(project, where, FIRST)
    if has_candidate:
        left = read_candidate(project, "ripeness").digest
        assert Registry(project).find("ripeness", left) is None
    else:
        with pytest.raises(UnavailableError, match="run train first"):
            read_candidate(project, "ripeness")
    trained = train(*FIRST, project=project)
    assert (trained.digest, trained.registered_as) == (
        read_candidate(project, "ripeness").digest,
        1,
    )
    if has_candidate:
        assert trained.digest == left
    assert _statuses(Registry(project)) <= {"FINISHED", "KILLED"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "where",
    ["perennial.train.keeping:replace_candidate", "perennial.train.registry:Registry.register"],
)
def test_a_killed_update_learns_no_day_twice(make_project: Any, serve: Any, where: str) -> None:
    project = make_project(n_days=43)
    train(*FIRST, project=project)
    serve(project)
    champion = read_candidate(project, "ripeness").digest
    unhurt = train(*UPDATE, project=project)
    replace_candidate(project, "ripeness", {"model.txt": b"something else"}, {})
    killed(project, where, UPDATE)
    again = train(*UPDATE, project=project)
    assert again == unhurt
    assert (again.parent, again.registered_as) == (champion[:12], 2)


def _statuses(registry: Registry) -> set[str]:
    experiment = registry.client.get_experiment_by_name("ripeness").experiment_id
    return {run.info.status for run in registry.client.search_runs([experiment])}
