"""The controller: good versions come through, bad ones go back, and nothing is decided in haste."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.keep.releases import Release
from perennial.keep.replays import allow_again
from perennial.release import controller, machine, release, roll_back
from perennial.release.controller import Controller
from perennial.release.servers import Servers

from .conftest import (
    MODEL,
    NIGHT,
    Score,
    Traffic,
    constant,
    failing,
    opposite,
    package,
    slightly_other,
)

MakeTraffic = Callable[..., Traffic]
DECLARED: dict[str, Any] = {
    "shadow": {"min_requests": 100},
    "steps": [0.2, 0.5],
    "min_requests": 100,
    "guardrails": {"errors": 0.1},
}


@pytest.fixture
def project(make_offered: Callable[[Any], Project]) -> Project:
    return make_offered(DECLARED)


@pytest.fixture
def begun(project: Project) -> int:
    begun = release(MODEL, NIGHT, project=project)
    assert (begun.state, begun.replaced) == ("pending", "v1")
    return begun.release_id


def states(project: Project, release_id: int) -> list[str]:
    return [each.state for each in releases.record(Ledger.of(project), release_id)]


def now(project: Project, release_id: int) -> Release:
    return releases.find(Ledger.of(project), release_id)


def serves(project: Project) -> str | None:
    current = Ledger.of(project).current(MODEL)
    return current[0].version if current else None


def live(
    project: Project,
    release_id: int,
    traffic: Traffic,
    most: int = 4000,
    until: tuple[str, ...] = ("promoted", "rolling_back"),
    again: Callable[[], Controller] | None = None,
) -> Release:
    """Ask and tick in turn until a state is reached, or `most` questions are asked."""
    ticking = Controller(project)
    ticking.tick()
    for _ in range(most // 20):
        if now(project, release_id).state in until:
            break
        traffic.ask(20)
        if again is not None:
            ticking = again()
        ticking.tick()
    return now(project, release_id)


def test_a_good_version_goes_through_every_phase_and_is_promoted(
    project: Project, begun: int, make_traffic: MakeTraffic, champions: list[str]
) -> None:
    live(project, begun, make_traffic(new=slightly_other))
    assert states(project, begun) == ["pending", "shadow", "canary", "canary", "promoted"]
    record = releases.record(Ledger.of(project), begun)
    assert [each.weight for each in record] == [0, 0, 0.2, 0.5, 0]
    assert serves(project) == "v2"
    Controller(project).tick()
    assert champions == ["ripeness v1", "ripeness v2"]
    measured = {each["guardrail"]: each["outcome"] for each in record[2].measured}
    assert measured["errors"] == measured["disagreement"] == measured["score_shift"] == "passed"
    assert measured["loss"] == "inconclusive"


@pytest.mark.parametrize(
    ("new", "new_ms", "because"),
    [
        (opposite, 5.0, "disagreement"),
        (constant, 5.0, "disagreement"),
        (failing, 5.0, "errors"),
        (lambda _: float("nan"), 5.0, "errors"),
        (lambda _: 1.5, 5.0, "errors"),
        (slightly_other, 400.0, "latency"),
        (lambda ripeness: min(1.0, ripeness + 0.3), 5.0, "score_shift"),
    ],
    ids=["opposite", "constant", "failing", "nan", "out of range", "slow", "shifted"],
)
def test_a_bad_version_goes_back_in_shadow_and_never_answers(
    project: Project,
    begun: int,
    make_traffic: MakeTraffic,
    new: Score,
    new_ms: float,
    because: str,
) -> None:
    found = live(project, begun, make_traffic(new=new, new_ms=new_ms))
    assert states(project, begun) == ["pending", "shadow", "rolling_back"]
    assert because in found.why
    assert serves(project) == "v1"
    assert len(Ledger.of(project).history(MODEL)) == 1


def test_one_that_turns_bad_in_the_canary_goes_back(
    project: Project, begun: int, make_traffic: MakeTraffic
) -> None:
    traffic = make_traffic()
    live(project, begun, traffic, until=("canary",))
    traffic.new = failing
    found = live(project, begun, traffic)
    assert found.state == "rolling_back"
    assert "errors" in found.why
    assert serves(project) == "v1"


def test_one_that_dies_after_promotion_goes_back_to_the_warm_old_one(
    project: Project, begun: int, make_traffic: MakeTraffic, champions: list[str]
) -> None:
    traffic = make_traffic()
    live(project, begun, traffic)
    assert serves(project) == "v2"
    traffic.new = failing
    found = live(project, begun, traffic, until=("rolling_back",))
    assert found.state == "rolling_back"
    assert serves(project) == "v1"
    Controller(project).tick()
    assert champions[-1] == "ripeness v1"
    assert now(project, begun).is_mirrored


def test_labels_that_come_after_promotion_bring_it_back(
    make_project: Callable[..., Project], project: Project, make_traffic: MakeTraffic
) -> None:
    """Neither shift nor ranks tell: only the labels know that the new scores are too sure."""
    make_project(
        n_days=0,
        release={
            **DECLARED,
            "guardrails": dict.fromkeys(["score_shift", "score_distribution", "disagreement"]),
        },
    )
    begun = release(MODEL, NIGHT, project=project).release_id
    traffic = make_traffic(new=lambda ripeness: float(ripeness < 0.4))
    live(project, begun, traffic)
    assert serves(project) == "v2"
    traffic.tell_labels()
    found = live(project, begun, traffic, until=("rolling_back",), most=40)
    assert found.state == "rolling_back"
    assert "loss: the Brier score" in found.why
    assert serves(project) == "v1"


def test_no_traffic_decides_nothing(project: Project, begun: int) -> None:
    ticking = Controller(project)
    for _ in range(5):
        ticking.tick()
    assert states(project, begun) == ["pending", "shadow"]


def test_no_traffic_until_the_time_limit_leaves_the_champion(
    make_project: Callable[..., Project], project: Project, begun: int
) -> None:
    make_project(n_days=0, release={**DECLARED, "time_limit_hours": 1e-9})
    Controller(project).tick()
    found = now(project, begun)
    assert found.state == "rolling_back"
    assert "the champion stays" in found.why
    assert serves(project) == "v1"


def test_too_few_questions_do_not_promote_however_good(
    project: Project, begun: int, make_traffic: MakeTraffic
) -> None:
    found = live(project, begun, make_traffic(), most=80)
    assert found.state == "shadow"
    assert now(project, begun).measured != "[]"


def test_a_server_that_is_not_ready_gets_no_question(
    project: Project, begun: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Servers, "answers", lambda _, slot: False)
    Controller(project).tick()
    assert states(project, begun) == ["pending"]


def test_armed_guardrails_are_laid_down_after_their_time(
    make_project: Callable[..., Project],
    project: Project,
    begun: int,
    make_traffic: MakeTraffic,
) -> None:
    make_project(n_days=0, release={**DECLARED, "armed_hours": 0})
    live(project, begun, make_traffic())
    Controller(project).tick()
    assert states(project, begun)[-2:] == ["promoted", "done"]
    assert serves(project) == "v2"


def test_a_controller_that_is_new_at_every_tick_sees_the_same(
    project: Project, begun: int, make_traffic: MakeTraffic
) -> None:
    """What it knows is in the ledger and the journals alone."""
    live(project, begun, make_traffic(new=slightly_other))
    once = releases.record(Ledger.of(project), begun)
    roll_back(MODEL, NIGHT, "once more", project=project)
    allow_again(Ledger.of(project), MODEL, "v2", "ada", "to see it twice")
    again = release(MODEL, "2024-02-02", project=project).release_id
    live(project, again, make_traffic(new=slightly_other), again=lambda: Controller(project))
    for one, other in zip(once, releases.record(Ledger.of(project), again), strict=True):
        assert (one.state, one.measured) == (other.state, other.measured)


def test_an_abort_wins_in_every_state(
    project: Project, begun: int, make_traffic: MakeTraffic
) -> None:
    traffic = make_traffic()
    for day, state in enumerate(("pending", "shadow", "canary", "promoted"), 1):
        if state != "pending":
            live(project, begun, traffic, until=(state,))
        assert now(project, begun).state == state
        report = roll_back(MODEL, NIGHT, "a person said so", project=project)
        assert (report.state, report.returned_to) == ("rolled_back", "v1")
        assert roll_back(MODEL, NIGHT, "again", project=project) == report
        assert serves(project) == "v1"
        Controller(project).tick()
        assert now(project, begun).state == "rolled_back"
        allow_again(Ledger.of(project), MODEL, "v2", "ada", "for the next state")
        begun = release(MODEL, f"2024-03-0{day}", project=project).release_id


def test_an_abort_between_look_and_step_wins(
    project: Project, begun: int, make_traffic: MakeTraffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = make_traffic()
    live(project, begun, traffic, until=("canary",))

    def abort(name: str) -> None:
        if name == "before canary":
            roll_back(MODEL, NIGHT, "just in time", project=project)

    monkeypatch.setattr(controller, "crash_point", abort)
    found = live(project, begun, traffic, until=("rolled_back",))
    assert found.state == "rolled_back"
    assert "canary" in states(project, begun)
    assert states(project, begun)[-2:] == ["rolling_back", "rolled_back"]
    assert serves(project) == "v1"


def test_a_rollback_holds_its_slots_until_gateways_have_read_the_route(
    project: Project, begun: int, monkeypatch: pytest.MonkeyPatch, make_traffic: MakeTraffic
) -> None:
    ticking = Controller(project)
    found = live(project, begun, make_traffic(new=opposite))
    assert found.state == "rolling_back"
    ticking.tick()
    assert now(project, begun).state == "rolling_back"
    monkeypatch.setattr(machine, "SETTLE", machine.SETTLE * 0)
    ticking.tick()
    assert now(project, begun).state == "rolled_back"


def test_an_unreadable_declaration_holds_a_release_and_stops_nothing(
    project: Project, begun: int, caplog: pytest.LogCaptureFixture
) -> None:
    declaration = project.root / "models" / f"{MODEL}.yaml"
    content = declaration.read_text()
    declaration.write_text("no: model")
    ticking = Controller(project)
    ticking.tick()
    assert "waits" in caplog.text
    assert (now(project, begun).state, now(project, begun).weight) == ("pending", 0)
    assert "DeclarationError" in now(project, begun).why
    declaration.write_text(content)
    for _ in range(2):
        ticking.tick()
    done = [each.action for each in releases.record(Ledger.of(project), begun)]
    assert done == ["begin", "blind", "see", "shadow"]


def test_what_nobody_expected_is_told_once_and_holds_up_no_other(
    project: Project, begun: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(*_: object) -> None:
        raise ZeroDivisionError("a surprise")

    ticking = Controller(project)
    with monkeypatch.context() as patched:
        patched.setattr(machine, "next_change", surprise)
        for _ in range(3):
            ticking.tick()
    assert caplog.text.count("ZeroDivisionError: a surprise") == 1
    ticking.tick()
    assert states(project, begun) == ["pending", "shadow"]


def test_a_version_that_is_replaced_on_its_slot_goes_back(
    project: Project, begun: int, make_traffic: MakeTraffic
) -> None:
    live(project, begun, make_traffic(), until=("canary",))
    Ledger.of(project).set_slot(MODEL, "green", "v2", "failed", "its bytes changed")
    Controller(project).tick()
    found = now(project, begun)
    assert (found.state, found.why) == (
        "rolling_back",
        "v2 is not proven on slot green any more",
    )


def test_another_version_waits_while_one_is_under_way(project: Project, begun: int) -> None:
    from perennial.errors import BusyError

    package(project, "v3")
    with pytest.raises(BusyError, match=r"release 2 of v2 is not over \(pending\)"):
        release(MODEL, NIGHT, project=project)


def test_what_answers_already_is_not_released_again(project: Project, begun: int) -> None:
    package(project, "v1")
    before = len(Ledger.of(project).history(MODEL))
    again = release(MODEL, NIGHT, project=project)
    assert (again.release_id, again.state, again.slot) == (begun - 1, "done", "blue")
    assert len(Ledger.of(project).history(MODEL)) == before


def test_what_was_rolled_back_is_not_begun_again_for_the_same_night(
    project: Project, begun: int
) -> None:
    roll_back(MODEL, NIGHT, "no", project=project)
    again = release(MODEL, NIGHT, project=project)
    assert (again.release_id, again.state) == (begun, "rolled_back")
    allow_again(Ledger.of(project), MODEL, "v2", "ada", "once more")
    assert release(MODEL, "2024-02-02", project=project).release_id == begun + 1


def test_an_idle_tick_costs_less_than_20_ms(project: Project, begun: int) -> None:
    ticking = Controller(project)
    ticking.tick()
    began = time.process_time()
    for _ in range(20):
        ticking.tick()
    assert (time.process_time() - began) / 20 < 0.02
