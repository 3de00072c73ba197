"""One night, run by the scheduler and told in a line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from perennial.check import Checked
from perennial.decide.decided import Decided
from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import releases
from perennial.keep.ledger import Ledger, serving
from perennial.replay.orchestrator import ENDED, Orchestrator
from perennial.watch.watched import Watched

ARRIVE = "arrive"
ARRIVE_SECONDS = 300.0
NIGHT_SECONDS = 600.0


@dataclass(frozen=True)
class Night:
    """What came of a night, in words."""

    at: str
    found: str
    decided: str
    released: str
    live: str


def run_night(airflow: Orchestrator, project: Project, model: str, at: str) -> Night:
    """Have Airflow run the night `at`, up to its end or to the start of a release.

    A release goes on by live requests, so nobody waits for it here. A stopped gate ends the night.
    """
    run = airflow.trigger(ARRIVE, at)
    airflow.wait(f"{ARRIVE} of {at}", lambda: airflow.state(ARRIVE, run) in ENDED, ARRIVE_SECONDS)
    if airflow.state(ARRIVE, run) == "failed":
        return _told(project, model, at, _stopped(project, airflow.tasks(ARRIVE, run)))
    nightly = f"nightly_{model}"
    airflow.wait(
        f"the start of {nightly} of {at}",
        lambda: airflow.run_of(nightly, at) is not None,
        ARRIVE_SECONDS,
    )
    night = airflow.run_of(nightly, at)
    assert night is not None
    airflow.wait(
        f"{nightly} of {at}", lambda: _is_done_or_releasing(airflow, nightly, night), NIGHT_SECONDS
    )
    if airflow.state(nightly, night) == "queued":
        return _told(project, model, at, "waits for the release of an earlier night")
    failed = [name for name, state in airflow.tasks(nightly, night).items() if state == "failed"]
    return _told(project, model, at, f"failed: {', '.join(failed)}" if failed else None)


def _is_done_or_releasing(airflow: Orchestrator, dag: str, run: str) -> bool:
    """Whether a night is over, or waits for a release: its own, or that of a night before."""
    state = airflow.state(dag, run)
    if state == "queued":
        return any("deferred" in airflow.tasks(dag, each).values() for each in airflow.active(dag))
    return state in ENDED or "deferred" in airflow.tasks(dag, run).values()


def _told(project: Project, model: str, at: str, stopped: str | None) -> Night:
    now = serving(project, model)
    live = now.version if now else "-"
    if stopped:
        return Night(at, stopped, "-", _release(project, model), live)
    folder = project.var / "reports"
    watched = Watched.model_validate_json(_kept(folder / "watch" / model / f"{at}.json"))
    decided = Decided.model_validate_json(_kept(folder / "decide" / model / f"{at}.json"))
    alarms = [each.subject for each in watched.findings if each.level == "alarm"]
    found = watched.state + (f": {', '.join(alarms[:3])}" if alarms else "")
    return Night(at, found, decided.decision, _release(project, model), live)


def _kept(path: Path) -> bytes:
    if not path.is_file():
        raise UnavailableError(f"{path.name} was not written by the night")
    return path.read_bytes()


def _release(project: Project, model: str) -> str:
    """The newest release, and how much of the traffic it has; a dash when there was none."""
    newest = releases.of_model(Ledger.of(project), model, limit=1)
    if not newest:
        return "-"
    share = f" {newest[0].weight:.0%}" if newest[0].state == "canary" else ""
    return f"{newest[0].version[:6]} {newest[0].state}{share}"


def _stopped(project: Project, tasks: dict[str, str]) -> str:
    """Which task failed, and which expectation stopped it where it was a gate."""
    failed = [name for name, state in tasks.items() if state == "failed"]
    for layer in ("raw", "marts"):
        path = project.var / "reports" / "check" / f"{layer}.json"
        if f"check_{layer}" in failed and path.is_file():
            report = Checked.model_validate(json.loads(path.read_bytes()))
            stops = [
                f"{table.table}.{'.'.join(each.columns)}"
                for table in report.stopped
                for each in table.failed
                if each.is_stopping
            ]
            return f"gate stopped: {', '.join(stops[:2])}"
    return f"failed: {', '.join(failed)}"
