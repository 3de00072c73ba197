"""
# A person's word about a release

Pause, resume, promote or abort the newest release of a model, by the form. The reason is needed;
it is kept with the release, and so is the name of whoever started the run. A paused release keeps
its guardrails. A promotion never goes against a guardrail that failed, unless that is asked for.
"""

from __future__ import annotations

from airflow.sdk import dag

from perennial_airflow import asking, declared, defaults


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=4,
    params=asking.releasing(),
    default_args=defaults.TASKS | {"retries": 0},  # an order may be out of date a minute later
    tags=["perennial", "release"],
    doc_md=__doc__,
)
def release() -> None:
    asking.steer()


if declared.models():
    release()
