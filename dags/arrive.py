"""
# A day arrives

Every midnight (UTC), and for any past night by a backfill: the day that has ended is **landed**,
its raw tables pass their gates, dbt **layers** them into marts, the marts pass theirs, and
**features** are built and brought online. Then the asset *marts* of that night is there, on which
every model's `nightly_<model>` runs.

The partition key is the night: `2013-03-02` is the night after `2013-03-01`. A gate that stops ends
the run, and what serves goes on serving; what was stopped is taken up again by the next nights.

Past nights: `perennial airflow -- backfill create --dag-id arrive --from-date 2013-03-01
--to-date 2013-03-05 --max-active-runs 1`, or *Backfill* in the trigger form.
"""

from __future__ import annotations

from airflow.sdk import CronPartitionTimetable, dag

from perennial_airflow import arriving, declared, defaults, night

nights = declared.nights()


@dag(
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", key_format=night.KEY),
    start_date=nights.start,
    end_date=nights.end,
    catchup=nights.catches_up,
    max_active_runs=1,
    default_args=defaults.TASKS,
    tags=["perennial", "data"],
    doc_md=__doc__,
)
def arrive() -> None:
    landed = arriving.land()
    checked = arriving.check_raw(landed)
    layered = arriving.layer(checked)
    arriving.features(arriving.check_marts(layered))


arrive()
