"""A person's word: held, let go, promoted or aborted, with the name on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.keep.ledger_tables import audit
from perennial.keep.release_steering import story
from perennial.release import mirroring, release, steer
from perennial.release.controller import Controller

from .conftest import MODEL, NIGHT, Traffic, failing, opposite
from .test_controller import DECLARED, live, now, serves

MakeTraffic = Callable[..., Traffic]


@pytest.fixture
def project(make_offered: Callable[[Any], Project]) -> Project:
    return make_offered(DECLARED)


@pytest.fixture
def begun(project: Project) -> int:
    return release(MODEL, NIGHT, project=project).release_id


@pytest.fixture
def say(project: Project) -> Callable[..., Any]:
    def said(action: Any, why: str = "because", **fields: Any) -> Any:
        return steer(MODEL, action, why, by="ann (test)", project=project, **fields)

    return said


def ask(project: Project, traffic: Traffic, n: int = 600) -> None:
    """Ask and tick in turn, whatever becomes of it."""
    ticking = Controller(project)
    for _ in range(n // 20):
        traffic.ask(20)
        ticking.tick()


def test_a_pause_holds_the_weight_until_it_is_resumed(
    project: Project, begun: int, make_traffic: MakeTraffic, say: Callable[..., Any]
) -> None:
    traffic = make_traffic()
    live(project, begun, traffic, until=("canary",))
    paused = say("pause", "let me look")
    assert (paused.state, paused.is_paused, paused.weight) == ("canary", True, 0.2)
    assert say("pause", "again") == paused, "twice is once"
    ask(project, traffic)
    held = now(project, begun)
    assert (held.state, held.step, held.weight) == ("canary", 0, 0.2)
    route = Ledger.of(project).live(MODEL)
    assert route is not None
    assert route.weight == 0.2
    assert not say("resume").is_paused
    assert live(project, begun, traffic).state == "promoted"
    record = releases.record(Ledger.of(project), begun)
    actions = [each.action for each in record]
    assert actions == ["begin", "shadow", "step", "pause", "resume", "step", "promote"]
    assert [record[place].actor for place in (3, 4, 5)] == ["ann (test)"] * 2 + ["controller"]


def test_a_paused_release_still_goes_back_when_a_guardrail_fails(
    project: Project, begun: int, make_traffic: MakeTraffic, say: Callable[..., Any]
) -> None:
    traffic = make_traffic()
    live(project, begun, traffic, until=("canary",))
    say("pause")
    traffic.new = failing
    assert live(project, begun, traffic).state == "rolling_back"


def test_a_pause_after_promotion_keeps_the_old_version_armed(
    make_project: Callable[..., Project],
    project: Project,
    begun: int,
    make_traffic: MakeTraffic,
    say: Callable[..., Any],
) -> None:
    make_project(n_days=0, release={**DECLARED, "armed_hours": 1e-9})
    live(project, begun, make_traffic())
    say("pause")
    Controller(project).tick()
    assert now(project, begun).state == "promoted"
    say("resume")
    Controller(project).tick()
    assert now(project, begun).state == "done"


def test_what_is_paused_after_promotion_still_goes_back_when_a_guardrail_fails(
    project: Project, begun: int, make_traffic: MakeTraffic, say: Callable[..., Any]
) -> None:
    traffic = make_traffic()
    live(project, begun, traffic, until=("promoted",))
    say("pause", "keep the old one at hand")
    traffic.new = failing
    assert live(project, begun, traffic, until=("rolling_back",)).state == "rolling_back"
    assert serves(project) == "v1"


@pytest.mark.parametrize("state", ["pending", "shadow", "canary"])
def test_a_person_promotes_before_enough_was_asked(
    project: Project,
    begun: int,
    make_traffic: MakeTraffic,
    say: Callable[..., Any],
    champions: list[str],
    state: str,
) -> None:
    traffic = make_traffic()
    if state != "pending":
        live(project, begun, traffic, until=(state,))
    promoted = say("promote", "it is urgent")
    assert (promoted.state, promoted.serves, promoted.weight) == ("promoted", "v2", 0)
    assert say("promote", "again") == promoted
    assert champions[-1] == "ripeness v2"
    ask(project, traffic, 100)
    assert now(project, begun).state == "promoted"
    last = releases.record(Ledger.of(project), begun)[-1]
    assert (last.action, last.why, last.actor) == ("promote", "it is urgent", "ann (test)")


def test_a_promoted_word_stays_under_guard(
    project: Project, begun: int, make_traffic: MakeTraffic, say: Callable[..., Any]
) -> None:
    traffic = make_traffic(new=failing)
    say("promote")
    assert serves(project) == "v2"
    live(project, begun, traffic, until=("rolling_back",))
    assert serves(project) == "v1"


def test_no_person_promotes_against_a_failed_guardrail_unless_forced(
    project: Project, begun: int, make_traffic: MakeTraffic, say: Callable[..., Any]
) -> None:
    """No controller looked meanwhile: the promotion itself does."""
    traffic = make_traffic(new=opposite)
    live(project, begun, traffic, until=("shadow",))
    traffic.ask(600)
    with pytest.raises(UnavailableError, match=r"not promoted: .*disagreement.*forced"):
        say("promote")
    assert serves(project) == "v1"
    forced = say("promote", "the labels are wrong, not the model", is_forced=True)
    assert (forced.state, forced.serves) == ("promoted", "v2")
    last = releases.record(Ledger.of(project), begun)[-1]
    assert (last.action, last.actor) == ("force", "ann (test)")
    assert "failed" in {each["outcome"] for each in last.measured}
    traffic.new = traffic.old
    ask(project, traffic, 200)
    assert now(project, begun).state == "promoted", "what was known before is accepted"
    traffic.new = opposite
    live(project, begun, traffic, until=("rolling_back",))
    assert serves(project) == "v1", "what comes after is not"


def test_no_person_promotes_what_cannot_be_seen(
    project: Project, begun: int, make_traffic: MakeTraffic, say: Callable[..., Any]
) -> None:
    live(project, begun, make_traffic(), until=("canary",))
    blind(project)
    with pytest.raises(UnavailableError, match="its evidence cannot be read"):
        say("promote")
    assert serves(project) == "v1"


@pytest.mark.faults
@pytest.mark.parametrize("state", ["pending", "shadow", "canary", "promoted"])
def test_an_abort_wins_in_every_state_and_twice_is_once(
    project: Project, begun: int, make_traffic: MakeTraffic, say: Callable[..., Any], state: str
) -> None:
    if state != "pending":
        live(project, begun, make_traffic(), until=(state,))
    aborted = say("abort", "no")
    assert (aborted.state, aborted.serves) == ("rolled_back", "v1")
    assert say("abort", "again") == aborted
    Controller(project).tick()
    assert (now(project, begun).state, serves(project)) == ("rolled_back", "v1")
    for action in ("pause", "resume", "promote"):
        with pytest.raises(UnavailableError, match="is rolled_back, and only what is"):
            say(action)


def test_who_did_what_and_why_is_on_record_and_in_the_audit(
    project: Project, begun: int, say: Callable[..., Any]
) -> None:
    say("pause", "a look")
    say("abort", "no good")
    ledger = Ledger.of(project)
    with ledger.engine.connect() as connection:
        rows = list(connection.execute(select(audit).where(audit.c.actor == "ann (test)")))
    assert [row.action for row in rows] == ["pause", "abort", "rolled back"]
    assert json.loads(rows[1].detail)["why"] == "no good"
    told = story(ledger, MODEL)
    assert told["release"]["state"] == "rolled_back"
    assert [each["why"] for each in told["record"]][1:3] == ["a look", "no good"]


def test_a_registry_that_is_away_holds_up_no_abort(
    project: Project,
    begun: int,
    say: Callable[..., Any],
    champions: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def away(*_: object) -> int:
        raise UnavailableError("MLflow does not answer")

    say("promote")
    with monkeypatch.context() as patched:
        patched.setattr(mirroring, "set_champion", away)
        assert say("abort").serves == "v1"
    assert "the registry does not follow yet" in caplog.text
    Controller(project).tick()
    assert champions[-1] == "ripeness v1"


def test_what_is_over_is_not_aborted(project: Project, say: Callable[..., Any]) -> None:
    with pytest.raises(UnavailableError, match=r"is over; `perennial roll-back`"):
        say("abort")


@pytest.mark.faults
def test_journals_that_cannot_be_read_advance_nothing_are_told_and_end_with_the_champion(
    make_project: Callable[..., Project],
    project: Project,
    begun: int,
    make_traffic: MakeTraffic,
    caplog: pytest.LogCaptureFixture,
) -> None:
    traffic = make_traffic()
    live(project, begun, traffic, until=("canary",))
    restore = blind(project)
    for _ in range(3):
        Controller(project).tick()
    held = now(project, begun)
    assert (held.state, held.step, held.weight) == ("canary", 0, 0.2)
    assert held.blind_since is not None
    assert "nothing is decided while its evidence cannot be read" in held.why
    assert "waits" in caplog.text
    restore()
    Controller(project).tick()
    assert now(project, begun).blind_since is None
    blind(project)
    Controller(project).tick()
    make_project(n_days=0, release={**DECLARED, "blind_minutes": 1e-9})
    Controller(project).tick()
    back = now(project, begun)
    assert back.state == "rolling_back"
    assert "its evidence could not be read for" in back.why
    assert serves(project) == "v1"


@pytest.mark.faults
def test_a_ledger_that_cannot_be_read_advances_nothing_and_is_told(
    project: Project, begun: int, make_traffic: MakeTraffic, caplog: pytest.LogCaptureFixture
) -> None:
    live(project, begun, make_traffic(), until=("canary",))
    ticking = Controller(project)
    ledger = project.var / "state" / "perennial.db"
    for file in ledger.parent.glob("perennial.db*"):
        file.rename(file.with_name(f"away-{file.name}"))
    ledger.mkdir()
    ticking.ledger.engine.dispose()
    ticking.tick()
    assert "everything stays as it is" in caplog.text
    ledger.rmdir()
    for file in ledger.parent.glob("away-*"):
        file.rename(file.with_name(file.name.removeprefix("away-")))
    assert (now(project, begun).state, now(project, begun).weight) == ("canary", 0.2)


def blind(project: Project) -> Callable[[], None]:
    """Make the journal unreadable, also for a controller that may read everything."""
    folder: Path = project.var / "journal" / "predictions"
    segments = sorted(folder.glob("*.jsonl"))
    assert segments
    for each in segments:
        each.rename(each.with_suffix(".away"))
        each.mkdir()

    def restore() -> None:
        for each in segments:
            each.rmdir()
            each.with_suffix(".away").rename(each)

    return restore
