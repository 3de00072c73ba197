"""Every DAG file as Airflow reads it, in a process of its own: whole, documented and quick."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.declare.strategies import MEANING as STRATEGIES
from perennial.stages import STAGES

pytestmark = pytest.mark.airflow

REPOSITORY = Path(__file__).parents[2]
SECONDS = 1.0

READ = """
import importlib.util, json, sys, time
from pathlib import Path
import airflow
from airflow.dag_processing.dagbag import DagBag
folder = Path(sys.argv[1])
seconds = {}
for path in sorted(folder.glob("*.py")):
    started = time.process_time()
    spec = importlib.util.spec_from_file_location(f"timed_{path.stem}", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    seconds[path.name] = time.process_time() - started
bag = DagBag(folder)
print(json.dumps({
    "seconds": seconds,
    "heavy": sorted({"perennial.stages", "pandas", "duckdb", "feast", "dbt"} & set(sys.modules)),
    "errors": {str(path): error for path, error in bag.import_errors.items()},
    "dags": {
        name: {
            "tasks": {
                task.task_id: {
                    "owner": task.owner,
                    "retries": task.retries,
                    "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
                    "rule": task.trigger_rule,
                    "downstream": sorted(task.downstream_task_ids),
                }
                for task in dag.tasks
            },
            "tags": sorted(dag.tags),
            "doc": dag.doc_md,
            "max_active_runs": dag.max_active_runs,
            "catchup": dag.catchup,
            "params": {key: dag.params.get_param(key).schema for key in dag.params},
            "file": Path(dag.fileloc).name,
        }
        for name, dag in bag.dags.items()
    },
}))
"""


def read(root: Path, home: Path) -> dict[str, Any]:
    """What Airflow finds in the DAG files of the project at `root`."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(root / "dags")],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "PERENNIAL_PROJECT": str(root),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow finds in this repository's DAG files."""
    return read(REPOSITORY, tmp_path_factory.mktemp("airflow"))


def test_every_dag_is_imported_without_errors(found: dict[str, Any]) -> None:
    assert found["errors"] == {}
    assert set(found["dags"]) == {
        "arrive", "nightly_flight_delay", "learn", "release", "score", "housekeeping",
    }  # fmt: skip


def test_every_dag_file_is_parsed_in_under_a_second(found: dict[str, Any]) -> None:
    assert max(found["seconds"].values()) < SECONDS, found["seconds"]
    assert found["heavy"] == [], "heavy libraries are imported while DAG files are parsed"


def test_every_dag_has_documentation_an_owner_and_tags(found: dict[str, Any]) -> None:
    for name, dag in found["dags"].items():
        assert dag["doc"].lstrip().startswith("# "), name
        assert "perennial" in dag["tags"], name
        assert {task["owner"] for task in dag["tasks"].values()} == {"perennial"}, name


def test_every_run_but_an_order_is_alone_and_tried_again_within_bounds(
    found: dict[str, Any],
) -> None:
    waiting = {"ask_a_person"}  # for a person, with a time-out of its own
    orders = {"release"}  # an abort waits for no promotion, and an old order is not given again
    for name, dag in found["dags"].items():
        assert (dag["max_active_runs"] > 1) == (name in orders), name
        for task, facts in dag["tasks"].items():
            assert (facts["retries"] == 0) == (name in orders), (name, task)
            assert facts["timeout"] or task in waiting, (name, task)


def test_every_stage_is_a_task(found: dict[str, Any]) -> None:
    tasks = {task for dag in found["dags"].values() for task in dag["tasks"]}
    as_tasks = {"check": {"check_raw", "check_marts"}}  # one stage, once per layer
    for stage in STAGES:
        assert as_tasks.get(stage, {stage}) <= tasks, stage


def test_every_decision_is_a_lane(found: dict[str, Any]) -> None:
    from typing import get_args

    from perennial.declare.decide import Decision

    tasks = found["dags"]["nightly_flight_delay"]["tasks"]
    assert set(tasks["decide"]["downstream"]) == set(get_args(Decision))
    lanes = set(get_args(Decision)) - {"ask_a_person"}
    assert set(tasks["ask_a_person"]["downstream"]) == lanes


def test_a_join_never_follows_a_branch_directly(found: dict[str, Any]) -> None:
    """Airflow's rule for joins misfires next to a branch, so an empty task stands between."""
    for dag in found["dags"].values():
        for task in ("judge", "await_release"):
            for following in dag["tasks"].get(task, {}).get("downstream", []):
                assert dag["tasks"][following]["rule"] == "all_success", following


def test_a_form_offers_the_declared_models(found: dict[str, Any]) -> None:
    params = found["dags"]["learn"]["params"]
    assert params["strategy"]["enum"] == ["as declared", *STRATEGIES]
    assert params["model"]["enum"] == ["flight_delay"]
    assert set(params) == {"model", "strategy", "window_days", "reason"}


def test_another_model_adds_its_lanes_without_a_change_of_dags(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "models").mkdir(parents=True)
    for name in ("ripeness", "weight"):
        (root / "models" / f"{name}.yaml").write_text("{}", encoding="utf-8")
    (root / "dags").symlink_to(REPOSITORY / "dags")
    found = read(root, tmp_path / "airflow")
    assert found["errors"] == {}
    assert {"nightly_ripeness", "nightly_weight"} <= set(found["dags"])
    learn = found["dags"]["learn"]
    assert learn["params"]["model"]["enum"] == ["all models", "ripeness", "weight"]
    assert "each_model" in learn["tasks"]["choose"]["downstream"]


def test_a_project_that_goes_on_catches_up_on_the_nights_it_missed(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "models").mkdir(parents=True)
    (root / "dags").symlink_to(REPOSITORY / "dags")
    nights = {"nights": {"start": "2024-05-02"}}
    (root / "params.yaml").write_text(yaml.safe_dump(nights), encoding="utf-8")
    assert read(root, tmp_path / "airflow")["dags"]["arrive"]["catchup"] is True


def test_tasks_never_ask_the_clock_which_data_to_use() -> None:
    """Faults 39 and 40: what a night works on comes from its partition key alone."""
    files = [
        *(REPOSITORY / "dags").glob("*.py"),
        *(REPOSITORY / "plugins/perennial_airflow").glob("*.py"),
    ]
    for path in files:
        text = path.read_text(encoding="utf-8")
        for word in ("datetime.now", "date.today", "utcnow", "time.time("):
            assert word not in text, (path.name, word)
