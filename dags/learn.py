"""
# Learn now

Every Sunday, and whenever a person asks by the form: a model learns from what has arrived so far,
with the strategy, the window and the reason that are given. The candidate is **judged**,
**packaged**, **deployed** and **released** exactly as after a decision of the night, so that
nothing answers that was not compared with what serves.
"""

from __future__ import annotations

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, dag

from perennial_airflow import asking, declared, defaults
from perennial_airflow.learning import Plan, learning

nights = declared.nights()
CHOSEN = "{{{{ ti.xcom_pull(task_ids='choose')['{}'] }}}}"


@dag(
    # With a last night declared nothing new comes. (An end_date would empty a person's runs, too.)
    schedule=None if nights.end else CronTriggerTimetable("0 6 * * 0", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    params=asking.learning(),
    default_args=defaults.TASKS,
    tags=["perennial", "learning"],
    doc_md=__doc__,
)
def learn() -> None:
    choose = asking.Choose(task_id="choose")
    names = ("model", "at", "strategy", "window_days")
    choose >> learning(Plan(**{name: CHOSEN.format(name) for name in names}))
    if len(declared.models()) > 1:
        choose >> TriggerDagRunOperator.partial(task_id=asking.EACH, trigger_dag_id="learn").expand(
            conf=[{"model": each, "reason": "each model"} for each in declared.models()]
        )


if declared.models():
    learn()
