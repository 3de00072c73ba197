"""The lanes of a night: what each decision leads to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import HITLBranchOperator
from airflow.sdk import get_current_context, task

from perennial_airflow.choosing import ASK, Decide
from perennial_airflow.learning import EITHER, Plan, learning
from perennial_airflow.notes import note
from perennial_airflow.reports import done

NIGHT = "{{ partition_key[:10] }}"
TRAININGS = ("recalibrate", "update", "retrain")
CHOICES = ("stand_by", "repair_data", "roll_back", *TRAININGS)
WAIT = timedelta(hours=12)

QUESTION = """
**{{ ti.xcom_pull(task_ids="decide")["decision"] }}** is what the policy would do:
{{ ti.xcom_pull(task_ids="decide")["why"] }}

{% for each in ti.xcom_pull(task_ids="decide")["seen"] %}* {{ each }}
{% endfor %}
Without an answer within 12 hours nothing is changed.
"""

CHOSEN = (
    '{% set asked = ti.xcom_pull(task_ids="ask_a_person", key="skipmixin_key") %}'
    '{{ asked["followed"][0] if asked else ti.xcom_pull(task_ids="decide")["decision"] }}'
)
"""The lane that is taken: what a person chose where one was asked, else what was decided."""

UNTIL = '{{ ti.xcom_pull(task_ids="decide")["train_until"] or "" }}'


@task
def watch(model: str, at: str) -> dict[str, Any]:
    """Compare the watched days with what the champion learned from."""
    from perennial.watch import watch as stage

    return done(stage(model, at))


@task(trigger_rule=EITHER)
def repair_data(model: str, at: str, watched: Any) -> list[dict[str, Any]]:
    """Bring the watched days again from landing to features: a repaired delivery takes effect.

    Where nothing has been repaired this changes nothing, and the note calls for a person.
    """
    from perennial_airflow.repairing import bring_again

    reports, sentence = bring_again(watched["watched_from"], watched["watched_until"])
    note(get_current_context(), sentence)
    return reports


@task(trigger_rule=EITHER)
def roll_back(model: str, at: str, decided: Any) -> dict[str, Any]:
    """Return to the version before, which is still warm."""
    from perennial.release import roll_back as act

    return done(act(model, at, decided["why"]))


def lanes(model: str) -> None:
    """Watch, decide, and one lane for each decision; the training ones join and go on."""
    watched = watch(model, NIGHT)
    decided = Decide(task_id="decide", model=model, night=NIGHT)
    asked = HITLBranchOperator(
        task_id=ASK,
        subject=f"{model}: what is to be done about the night of {NIGHT}?",
        body=QUESTION,
        options=list(CHOICES),
        defaults="stand_by",
        response_timeout=WAIT,
        execution_timeout=None,
    )
    ends = [
        EmptyOperator(task_id="stand_by", trigger_rule=EITHER),
        repair_data(model, NIGHT, watched),
        roll_back(model, NIGHT, decided.output),
    ]
    trainings = [EmptyOperator(task_id=each, trigger_rule=EITHER) for each in TRAININGS]
    watched >> decided >> [asked, *ends, *trainings]
    asked >> [*ends, *trainings]
    trainings >> learning(Plan(model, NIGHT, until=UNTIL, strategy=CHOSEN))
