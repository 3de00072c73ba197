"""What the tasks of a quiet night import, once in the process that workers are forked from.

Imports are most of a small task: Great Expectations, Feast and dbt take seconds each, Airflow's own
task runner one. Airflow's setting `[scheduler] mp_forkserver_preload` names this module. What is
missing here costs time and nothing else, so a module that cannot be imported is only told.
"""

from __future__ import annotations

import gc
import importlib
import logging

from perennial_airflow.dying_together import die_with_parent, so_do_all_that_are_forked

AIRFLOW = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.dagbag",
    "airflow.dag_processing.bundles.manager",
    "airflow.dag_processing.bundles.local",
    "airflow.executors.local_executor",
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.standard.operators.python",
    "perennial_airflow.arriving",
    "perennial_airflow.lanes",
)
STAGES = ("land", "check", "layer", "features", "watch", "decide")


def preload() -> None:
    """Import them all, and freeze what is there so that forked processes go on sharing it."""
    logging.getLogger("perennial").setLevel(logging.INFO)
    for name in (*AIRFLOW, *(f"perennial.{stage}" for stage in STAGES)):
        _imported(name)
    _load("perennial.check.expectations", "load")
    _load("perennial.layer.dbt", "load")
    _load("perennial.features.repository", "load")
    for name in ("duckdb", "pyarrow.parquet", "pandas", "perennial.features.offline_store"):
        _imported(name)
    gc.collect()
    gc.freeze()


def _load(module: str, function: str) -> None:
    """Call the function with which a module of the library imports what is heavy."""
    found = _imported(module)
    if found is not None:
        getattr(found, function)()


def _imported(name: str) -> object | None:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        logging.getLogger("perennial").warning("%s was not preloaded: %s", name, error)
        return None


die_with_parent()
so_do_all_that_are_forked()
preload()
