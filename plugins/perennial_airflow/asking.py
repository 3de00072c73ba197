"""The forms of the DAGs that people start, and what their first task makes of the answers."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseBranchOperator, Param, get_current_context, task

from perennial.declare.strategies import MEANING as STRATEGIES
from perennial_airflow import declared
from perennial_airflow.notes import note
from perennial_airflow.reports import done

EACH = "each_model"
ALL = "all models"


def model(with_all: bool = False) -> Param:
    """Which declared model."""
    names = declared.models()
    listed = [ALL, *names] if with_all and len(names) > 1 else names
    return Param(
        listed[0] if listed else None,
        type="string",
        enum=listed,
        title="Model",
        description="Declared in models/.",
    )


def day(title: str, description: str) -> Param:
    """A UTC day, or nothing."""
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


def learning() -> dict[str, Param]:
    """The form of `learn`."""
    return {
        "model": model(with_all=True),
        "strategy": Param(
            "as declared",
            type="string",
            enum=["as declared", *STRATEGIES],
            title="Strategy",
            description="  \n".join(f"{name}: {means}." for name, means in STRATEGIES.items()),
        ),
        "window_days": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Window in days",
            description="Learn from so many days only; empty: as declared.",
        ),
        "reason": Param(
            "the weekly training",
            type="string",
            minLength=1,
            maxLength=300,
            title="Reason",
            description="Why: it is kept with the run.",
        ),
    }


def scoring() -> dict[str, Param]:
    """The form of `score`."""
    return {
        "model": model(),
        "start": day("First day", "UTC; empty: the newest day that has marts."),
        "end": day("Day after the last", "UTC, not included; empty: the day after the first."),
    }


def releasing() -> dict[str, Param]:
    """The form of `release`."""
    return {
        "model": model(),
        "action": Param(
            "pause",
            type="string",
            enum=["pause", "resume", "promote", "abort"],
            title="What to do",
            description="pause: hold it where it is, guardrails on. resume: go on. promote: let "
            "the new version answer everything now. abort: all traffic back to the old one.",
        ),
        "why": Param(
            type="string",
            minLength=1,
            maxLength=300,
            title="Why",
            description="It is kept on the release's record, with your name.",
        ),
        "is_forced": Param(
            False,
            type="boolean",
            title="Against failed guardrails",
            description="Promote even so; why is on record.",
        ),
    }


class Choose(BaseBranchOperator):
    """Finds the newest night that has data, and goes on to train, or to one run per model."""

    def execute(self, context: Any) -> None:
        """Choose; the XCom says what to learn: `model`, `at`, `strategy`, `window_days`."""
        asked = context["params"]
        note(context, f"{asked['model']}, {asked['strategy']}: {asked['reason']}")
        chosen = {
            "model": asked["model"],
            "strategy": "" if asked["strategy"] == "as declared" else asked["strategy"],
            "window_days": str(asked["window_days"] or ""),
        }
        lane = EACH
        if asked["model"] != ALL:
            from perennial.features.newest import newest_night

            lane, chosen["at"] = "train", newest_night(asked["model"])
        context["ti"].xcom_push("return_value", chosen)  # a branch's own result is no XCom
        self.do_branch(context, lane)


@task
def score() -> dict[str, Any]:
    """Score the questions of a period with what serves, into `data/lake/predictions`."""
    from datetime import date, timedelta

    from perennial.features.newest import newest_night
    from perennial.score import score as act

    one = timedelta(days=1)
    asked = get_current_context()["params"]
    name = asked["model"]
    start = asked["start"] or str(date.fromisoformat(newest_night(name)) - one)
    end = asked["end"] or str(date.fromisoformat(start) + one)
    return done(act(name, start, end))


@task
def steer() -> dict[str, Any]:
    """Do with the newest release what the form says, in the name of who started the run."""
    from perennial.release import steer as act

    context = get_current_context()
    asked, run = context["params"], context["dag_run"]
    by = f"{run.triggering_user_name or 'unknown'} (Airflow)"
    report = done(
        act(asked["model"], asked["action"], asked["why"], by=by, is_forced=asked["is_forced"])
    )
    note(context, f"{asked['model']}: {asked['action']} by {by}: {asked['why']}")
    return report
