"""
# Housekeeping

Every Monday: what nothing needs any more is removed by its age. Old reports of watching and
deciding, journal segments that are folded into the lake, Bentos on no slot and not among the last
releases, deleted MLflow runs. The report lists everything that went. What DVC has cached is only
collected when a person asks for it in the form.
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task

from perennial_airflow import defaults
from perennial_airflow.reports import done


@task
def keep_house() -> dict[str, object]:
    """Remove what is too old, and report it."""
    from perennial.housekeep import housekeep

    context = get_current_context()
    asked = context["params"]
    return done(
        housekeep(context["dag_run"].run_after.date().isoformat(), collect_dvc=asked["collect_dvc"])
    )


@dag(
    schedule=CronTriggerTimetable("0 5 * * 1", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    params={
        "collect_dvc": Param(
            False,
            type="boolean",
            title="Collect DVC's cache",
            description="Also remove cached data that no file of the workspace names (`dvc gc`).",
        )
    },
    default_args=defaults.TASKS,
    tags=["perennial", "housekeeping"],
    doc_md=__doc__,
)
def housekeeping() -> None:
    keep_house()


housekeeping()
