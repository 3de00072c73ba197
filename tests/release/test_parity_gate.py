"""No version is promoted before what its phase was answered from has been recomputed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.deploy import supervision
from perennial.errors import UnavailableError
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.keep.releases import Release
from perennial.release import parity_comparison, parity_gate, release, steer
from perennial.release.controller import Controller
from perennial.release.measurement import Measurement

from .conftest import MODEL, NIGHT, Traffic, slightly_other

MakeTraffic = Callable[..., Traffic]
DECLARED: dict[str, Any] = {
    "shadow": {"min_requests": 50},
    "steps": [0.5],
    "min_requests": 50,
    "guardrails": {"errors": 0.2, "score_shift": None, "score_distribution": None,
                   "disagreement": None, "loss": None, "latency": None, "memory_mb": None},
    "parity": {"rows": 100},
}  # fmt: skip
MISMATCH = "pulp of fruit=7 at 2024-02-01T00:00:00Z: logged 3, recomputed 4"


class Script:
    """Stands in for the comparing process, and counts how often it is started."""

    def __init__(self, folder: Path) -> None:
        self.file, self.log = folder / "comparing.py", folder / "started"
        self.log.touch()
        self.tells("passed", "all equal")

    def tells(self, outcome: str, says: str, n: int = 100) -> None:
        """What it prints."""
        share = {"largest_share": 0.01 if outcome == "failed" else 0.0}
        found = {"outcome": outcome, "says": f"parity: {says}", "n_answers": n, **share}
        self.does(f"print({json.dumps(found)!r})")

    def does(self, program: str) -> None:
        """What it does instead of telling anything."""
        start = f"open({str(self.log)!r}, 'a').write('.')\n"
        self.file.write_text(start + program + "\n", encoding="utf-8")

    @property
    def n_started(self) -> int:
        return len(self.log.read_text())

    def command(self, *arguments: str) -> list[str]:
        assert arguments[:2] == ("parity", "--model")
        assert "--json" in arguments
        return [sys.executable, str(self.file)]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    made = Script(tmp_path)
    monkeypatch.setattr(parity_comparison, "command", made.command)
    monkeypatch.setattr(parity_comparison, "AGAIN_SECONDS", 0.05)
    return made


@pytest.fixture
def project(script: Script, make_offered: Callable[[Any], Project]) -> Project:
    return make_offered(DECLARED)


@pytest.fixture
def ticking(project: Project) -> Iterator[Controller]:
    made = Controller(project)
    yield made
    made._parities.close()


@pytest.fixture
def begun(project: Project) -> int:
    return release(MODEL, NIGHT, project=project).release_id


def now(project: Project, release_id: int) -> Release:
    return releases.find(Ledger.of(project), release_id)


def parity(found: Release) -> dict[str, Any]:
    """How parity stands in what is shown of a release."""
    return next(each for each in json.loads(found.measured) if each["guardrail"] == "parity")


def until(
    project: Project, release_id: int, ticking: Controller, is_so: Callable[[Release], bool]
) -> Release:
    """Tick, without any traffic, until it is so."""
    deadline = time.monotonic() + 60
    while not is_so(found := now(project, release_id)):
        assert time.monotonic() < deadline, f"{found.state}: {found.measured}"
        for followed in ticking._followed.values():
            followed.shown_at = -float("inf")
        ticking.tick()
        time.sleep(0.01)
    return found


def to_last_step(project: Project, release_id: int, ticking: Controller, traffic: Traffic) -> None:
    """Ask until only parity is open."""
    deadline = time.monotonic() + 60
    while now(project, release_id).state != "canary":
        assert time.monotonic() < deadline
        traffic.ask(50)
        ticking.tick()
    traffic.ask(600)


def test_it_is_promoted_once_its_features_were_recomputed(
    project: Project, begun: int, ticking: Controller, script: Script, make_traffic: MakeTraffic
) -> None:
    to_last_step(project, begun, ticking, make_traffic(new=slightly_other))
    assert script.n_started == 0  # not before the last step
    until(project, begun, ticking, lambda found: found.state == "promoted")
    assert script.n_started == 1
    last = releases.record(Ledger.of(project), begun)[-1]
    told = next(each for each in last.measured if each["guardrail"] == "parity")
    assert (told["outcome"], told["n"], told["says"]) == ("passed", 100, "parity: all equal")
    assert "parity" in last.why


def test_a_mismatch_rolls_it_back_and_is_told(
    project: Project, begun: int, ticking: Controller, script: Script, make_traffic: MakeTraffic
) -> None:
    script.tells("failed", MISMATCH)
    to_last_step(project, begun, ticking, make_traffic(new=slightly_other))
    found = until(project, begun, ticking, lambda found: found.state == "rolling_back")
    assert MISMATCH in found.why
    states = [each.state for each in releases.record(Ledger.of(project), begun)]
    assert "promoted" not in states


@pytest.mark.faults
@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with code -9"),
        ("raise SystemExit(3)", "ended with code 3"),
        ("print('half a rep')", "ended with code 0 and told nothing"),
    ],
)
def test_a_comparison_that_dies_is_told_tried_again_and_promotes_nothing(
    project: Project,
    begun: int,
    ticking: Controller,
    script: Script,
    make_traffic: MakeTraffic,
    program: str,
    why: str,
) -> None:
    script.does(program)
    to_last_step(project, begun, ticking, make_traffic(new=slightly_other))
    until(project, begun, ticking, lambda _: script.n_started >= 3)
    found = until(project, begun, ticking, lambda found: why in parity(found)["says"])
    assert (found.state, parity(found)["outcome"]) == ("canary", "inconclusive")
    script.tells("passed", "all equal")
    until(project, begun, ticking, lambda found: found.state == "promoted")


@pytest.mark.faults
def test_a_comparison_that_hangs_is_ended_and_told(
    project: Project,
    begun: int,
    ticking: Controller,
    script: Script,
    make_traffic: MakeTraffic,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script.does("import time; time.sleep(600)")
    monkeypatch.setattr(parity_comparison, "LIMIT_SECONDS", 0.5)
    to_last_step(project, begun, ticking, make_traffic(new=slightly_other))
    found = until(project, begun, ticking, lambda found: "took longer" in parity(found)["says"])
    assert found.state == "canary"


def test_with_nothing_compared_it_waits(
    project: Project, begun: int, ticking: Controller, script: Script, make_traffic: MakeTraffic
) -> None:
    script.tells("inconclusive", "no answer could be compared", n=0)
    to_last_step(project, begun, ticking, make_traffic(new=slightly_other))
    until(project, begun, ticking, lambda _: script.n_started >= 2)
    found = until(project, begun, ticking, lambda found: "no answer could" in parity(found)["says"])
    assert (found.state, parity(found)["is_needed"]) == ("canary", True)


@pytest.mark.faults
def test_a_controller_that_was_killed_asks_for_no_second_comparison(
    project: Project,
    begun: int,
    ticking: Controller,
    script: Script,
    make_traffic: MakeTraffic,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class KilledError(Exception):
        pass

    def die(name: str) -> None:
        if name == "before promoted":
            raise KilledError

    to_last_step(project, begun, ticking, make_traffic(new=slightly_other))
    with monkeypatch.context() as patched:
        patched.setattr("perennial.release.controller.crash_point", die)
        until(project, begun, ticking, lambda found: parity(found)["outcome"] == "passed")
    until(project, begun, Controller(project), lambda found: found.state == "promoted")
    assert script.n_started == 1


def test_where_it_is_declared_off_the_record_says_so(
    make_project: Callable[..., Project],
    project: Project,
    begun: int,
    script: Script,
    make_traffic: MakeTraffic,
) -> None:
    make_project(n_days=0, release={**DECLARED, "parity": None})
    ticking = Controller(project)
    to_last_step(project, begun, ticking, make_traffic(new=slightly_other))
    until(project, begun, ticking, lambda found: found.state == "promoted")
    assert script.n_started == 0
    last = releases.record(Ledger.of(project), begun)[-1]
    told = next(each for each in last.measured if each["guardrail"] == "parity")
    assert told["outcome"] == "undeclared"
    assert told["says"] == "parity: not declared, so nothing guards it"


def test_a_person_waits_for_it_or_forces(
    project: Project, begun: int, ticking: Controller, script: Script, make_traffic: MakeTraffic
) -> None:
    traffic = make_traffic(new=slightly_other)
    traffic.ask(1)
    ticking.tick()
    traffic.ask(10)
    script.tells("inconclusive", "no answer could be compared", n=0)
    with pytest.raises(UnavailableError, match="no answer could be compared"):
        steer(MODEL, "promote", "it is wanted", project=project)
    script.tells("passed", "all equal")
    assert steer(MODEL, "promote", "it is wanted", project=project).state == "promoted"
    assert script.n_started == 2


def test_a_person_promotes_nothing_against_a_mismatch(
    project: Project, begun: int, ticking: Controller, script: Script, make_traffic: MakeTraffic
) -> None:
    make_traffic(new=slightly_other).ask(1)
    ticking.tick()
    script.tells("failed", MISMATCH)
    for _ in range(2):  # what differed is not asked twice
        with pytest.raises(UnavailableError, match="logged 3, recomputed 4"):
            steer(MODEL, "promote", "it is wanted", project=project)
    assert script.n_started == 1


def test_a_person_may_force_without_it(
    project: Project, begun: int, ticking: Controller, script: Script, make_traffic: MakeTraffic
) -> None:
    make_traffic().ask(1)
    ticking.tick()
    done = steer(MODEL, "promote", "it is urgent", is_forced=True, project=project)
    assert (done.state, script.n_started) == ("promoted", 0)


def test_a_process_that_cannot_start_holds_up_no_other_guardrail(
    project: Project, begun: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = parity_gate.ParityGate(project, Ledger.of(project))
    monkeypatch.setattr(parity_comparison, "command", lambda *_: ["/nowhere/to/be/found"])
    errors = Measurement("errors", "passed", 0.0, 0.0, 0.0, 0.1, 100, True, "errors: none")
    found = now(project, begun)
    canary = Release(**{**found.__dict__, "state": "canary", "weight": 0.5})
    declared = project.model(MODEL).release
    errors_again, parity_now = gate.beside(canary, declared, [errors], 1000)
    assert errors_again is errors
    assert parity_now.outcome == "inconclusive"
    assert "did not start" in parity_now.says


BLUE_GREEN: dict[str, Any] = {"kind": "blue_green", "min_requests": 50, "parity": {"rows": 100}}


@pytest.fixture
def switching(
    script: Script, make_offered: Callable[[Any], Project], make_traffic: MakeTraffic
) -> Project:
    """A project whose next version is to answer everything at once; the one before was asked."""
    made = make_offered(BLUE_GREEN)
    make_traffic().ask(1)
    return made


def test_a_switch_where_nobody_was_ever_answered_waits_for_nothing_and_says_so(
    script: Script, make_offered: Callable[[Any], Project], champions: list[str]
) -> None:
    """As in `dvc repro` on a laptop: nothing would ever be journaled that could be recomputed."""
    project = make_offered(BLUE_GREEN)
    begun = release(MODEL, NIGHT, project=project)
    assert (begun.state, begun.replaced) == ("done", "v1")
    (entry,) = releases.record(Ledger.of(project), begun.release_id)
    assert "no gateway runs and v1 has answered nobody" in entry.why
    assert champions[-1] == "ripeness v2"
    assert script.n_started == 0
    assert release(MODEL, NIGHT, project=project) == begun


def test_a_switch_waits_for_answers_where_a_gateway_runs(
    script: Script, make_offered: Callable[[Any], Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_offered(BLUE_GREEN)
    monkeypatch.setattr(supervision, "is_running", lambda _: True)
    monkeypatch.setattr(supervision, "start_freshening_again", lambda _: None)
    assert release(MODEL, NIGHT, project=project).state == "pending"


def test_another_kind_waits_for_questions_wherever_it_is_released(
    script: Script, make_offered: Callable[[Any], Project]
) -> None:
    project = make_offered(DECLARED)
    assert release(MODEL, NIGHT, project=project).state == "pending"


def test_a_switch_waits_until_the_champions_answers_were_recomputed(
    switching: Project, script: Script, champions: list[str]
) -> None:
    begun = release(MODEL, NIGHT, project=switching)
    assert begun.state == "pending"
    assert champions == ["ripeness v1"]
    found = until(
        switching, begun.release_id, Controller(switching), lambda found: found.state == "promoted"
    )
    assert script.n_started == 1
    assert found.why == "its server answers; parity: all equal"
    last = releases.record(Ledger.of(switching), begun.release_id)[-1]
    told = next(each for each in last.measured if each["guardrail"] == "parity")
    assert (told["outcome"], told["n"]) == ("passed", 100)


@pytest.mark.faults
def test_a_mismatch_before_a_switch_rolls_it_back_and_nobody_is_asked(
    switching: Project, script: Script
) -> None:
    script.tells("failed", MISMATCH)
    begun = release(MODEL, NIGHT, project=switching).release_id
    ticking = Controller(switching)
    found = until(switching, begun, ticking, lambda found: found.state == "rolling_back")
    assert MISMATCH in found.why
    assert [each["version"] for each in Ledger.of(switching).history(MODEL)] == ["v1"]


@pytest.mark.parametrize(("outcome", "n"), [("passed", 49), ("inconclusive", 0)])
def test_too_few_answers_switch_nothing_and_end_with_the_champion(
    switching: Project,
    make_project: Callable[..., Project],
    script: Script,
    outcome: str,
    n: int,
) -> None:
    script.tells(outcome, "what there was", n=n)
    begun = release(MODEL, NIGHT, project=switching).release_id
    ticking = Controller(switching)
    until(switching, begun, ticking, lambda _: script.n_started >= 2)
    found = until(switching, begun, ticking, lambda found: "what there" in found.measured)
    assert (found.state, parity(found)["outcome"]) == ("pending", "inconclusive")
    assert ("50 answers are needed" in parity(found)["says"]) == (outcome == "passed")
    ticking._parities.close()
    make_project(n_days=0, release={**BLUE_GREEN, "time_limit_hours": 1e-9})
    again = Controller(switching)
    found = until(switching, begun, again, lambda found: found.state == "rolling_back")
    again._parities.close()
    assert "no promotion within" in found.why
    assert "parity" in found.why


def test_more_answers_than_are_recomputed_at_most_are_never_asked_for(
    make_project: Callable[..., Project], switching: Project, script: Script
) -> None:
    make_project(n_days=0, release={**BLUE_GREEN, "min_requests": 500})
    begun = release(MODEL, NIGHT, project=switching).release_id
    until(switching, begun, Controller(switching), lambda found: found.state == "promoted")


def test_a_switch_without_declared_parity_waits_for_nothing(
    make_project: Callable[..., Project], switching: Project, script: Script
) -> None:
    project = make_project(n_days=0, release={"kind": "blue_green", "parity": None})
    assert release(MODEL, NIGHT, project=project).state == "promoted"
    assert script.n_started == 0


@pytest.mark.parametrize("kind", ["blue_green", "canary"])
def test_a_person_promotes_nothing_that_is_pending_before_it_was_recomputed(
    make_project: Callable[..., Project], switching: Project, script: Script, kind: str
) -> None:
    project = make_project(n_days=0, release={"kind": kind, "parity": {"rows": 100}})
    release(MODEL, NIGHT, project=project)
    script.tells("inconclusive", "no answer could be compared", n=0)
    with pytest.raises(UnavailableError, match="no answer could be compared"):
        steer(MODEL, "promote", "it is wanted", project=project)
    script.tells("passed", "all equal", n=3)
    done = steer(MODEL, "promote", "it is wanted", project=project)
    assert (done.state, done.serves, script.n_started) == ("promoted", "v2", 2)


def test_an_ab_whose_time_is_over_waits_for_it_and_says_so_once(
    make_offered: Callable[[Any], Project], script: Script, make_traffic: MakeTraffic
) -> None:
    asked = {"hours": 1e-6, "metric": "errors", "margin": 0.3}
    kept = {name: each for name, each in DECLARED.items() if name != "steps"}
    project = make_offered({**kept, "kind": "ab", "shadow": None, "ab": asked})
    begun = release(MODEL, NIGHT, project=project).release_id
    script.tells("inconclusive", "no answer could be compared", n=0)
    ticking, traffic = Controller(project), make_traffic(new=slightly_other)
    ticking.tick()
    traffic.ask(1000)
    until(project, begun, ticking, lambda found: found.has_verdict)
    until(project, begun, ticking, lambda _: script.n_started >= 2)
    assert now(project, begun).state == "canary"
    record = releases.record(Ledger.of(project), begun)
    assert [each.action for each in record] == ["begin", "step", "verdict"]
    assert "so it is surely not worse by 0.3; waits for that until the time limit" in record[-1].why
    assert "parity: " in record[-1].why
    script.tells("passed", "all equal")
    until(project, begun, ticking, lambda found: found.state == "promoted")
