"""
# A model's night

One DAG per file in `models/`, run when the checked marts of a night are there. It **watches** what
has changed since the champion learned, and **decides** by the declared policy what is to be done:
stand by, repair the data, recalibrate, update, retrain, roll back, or ask a person. The trainings
go on to a candidate that is **judged** on days it has not seen, **packaged**, **deployed** and
**released** step by step; the release is awaited here and run by the controller, so that it goes
on when Airflow does not.

The reason of each branch is its note and the run's, and stands on the Perennial page.
"""

from __future__ import annotations

from airflow.sdk import DAG, IdentityMapper, PartitionedAssetTimetable

from perennial_airflow import declared, defaults, lanes, night

for model in declared.models():
    with DAG(
        dag_id=f"nightly_{model}",
        schedule=PartitionedAssetTimetable(
            assets=night.MARTS, default_partition_mapper=IdentityMapper()
        ),
        start_date=declared.nights().start,
        catchup=False,
        max_active_runs=1,
        default_args=defaults.TASKS,
        tags=["perennial", "night", model],
        doc_md=__doc__,
    ):
        lanes.lanes(model)
