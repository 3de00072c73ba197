"""The branches of a night: each runs one stage, takes the lane that its report names, and says why.

The report is the task's XCom; the lane is seen in the graph.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NoReturn

from airflow.sdk import BaseBranchOperator

from perennial_airflow.notes import note
from perennial_airflow.reports import done
from perennial_airflow.triggers import LANES, ReleaseTrigger, state_of

ASK = "ask_a_person"


class Subject(BaseBranchOperator):
    """A branch about one model on one night."""

    template_fields = ("model", "night")

    def __init__(self, *, model: str, night: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.night = night

    def take(self, context: Any, lane: str, why: str, report: dict[str, Any]) -> None:
        """Follow `lane`, and write down why.

        Airflow ends a branch by an exception, so what `execute` returns would never be its XCom.
        """
        self.log.info("%s: %s", lane, why)
        note(context, f"{lane}: {why}")
        context["ti"].xcom_push("return_value", report)
        self.do_branch(context, lane)


class Decide(Subject):
    """The stage `decide`: its decision's lane, or a person's first where that is declared."""

    def execute(self, context: Any) -> None:
        """Decide; the XCom is the `Decided`."""
        from perennial.decide import decide

        report: dict[str, Any] = done(decide(self.model, self.night))
        lane = ASK if report["needs_approval"] else report["decision"]
        why = f"{report['decision']} by {report['policy']}: {report['why']}"
        self.take(context, lane, why, report)


class Judge(Subject):
    """The stage `judge`: on to the package only when the candidate is blessed."""

    def execute(self, context: Any) -> None:
        """Judge; the XCom is the `Judged`."""
        from perennial.judge import judge

        report: dict[str, Any] = done(judge(self.model, self.night))
        lane = "package" if report["verdict"] == "blessed" else "refused"
        self.take(context, lane, f"{report['verdict']}: {'; '.join(report['reasons'])}", report)


class AwaitRelease(Subject):
    """Waits, without a worker, until the controller has promoted or rolled back the release."""

    def __init__(self, *, task_that_released: str = "release", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.task_that_released = task_that_released

    def execute(self, context: Any) -> None:
        """Go on if the release has ended, else wait; the XCom is its state and why."""
        released = context["ti"].xcom_pull(task_ids=self.task_that_released)
        state, why = state_of(released["release_id"])
        if state not in LANES:
            self.wait_for(released["release_id"])
        self.go_on(context, {"state": state, "why": why})

    def wait_for(self, release_id: int) -> NoReturn:
        """Hand the worker back until the release has ended."""
        from perennial.declare.project import Project

        declared = Project.find().model(self.model).release
        limit = timedelta(hours=declared.time_limit_hours + 1)  # at the limit the champion stays
        self.defer(trigger=ReleaseTrigger(release_id), method_name="go_on", timeout=limit)

    def go_on(self, context: Any, event: dict[str, Any]) -> None:
        """Take the branch of what became of it."""
        self.take(context, LANES[event["state"]], event["why"], event)
