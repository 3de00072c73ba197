"""
# Score a period

The questions of past days, answered at once by the version that serves: into
`data/lake/predictions/<model>`, one partition a day. Twice is the same as once.
"""

from __future__ import annotations

from airflow.sdk import dag

from perennial_airflow import asking, declared, defaults


@dag(
    schedule=None,
    start_date=declared.nights().start,
    max_active_runs=1,
    params=asking.scoring(),
    default_args=defaults.TASKS,
    tags=["perennial", "scoring"],
    doc_md=__doc__,
)
def score() -> None:
    asking.score()


if declared.models():
    score()
