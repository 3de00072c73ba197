"""The state machine alone: whatever is known in whatever order, safety holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from perennial.declare.release import Release as Declared
from perennial.errors import BusyError
from perennial.keep import release_changes, releases
from perennial.keep.ledger import Ledger
from perennial.keep.releases import UNDER_WAY, Release
from perennial.release import machine
from perennial.release.guardrails import Measurement, Outcome
from perennial.release.machine import Known, next_change

START = datetime(2024, 2, 1, tzinfo=UTC)


def declared(**fields: object) -> Declared:
    return Declared.model_validate({"steps": [0.1, 0.5], "time_limit_hours": 24, **fields})


def release(state: releases.ReleaseState, **fields: object) -> Release:
    new = release_changes.plan("m", "v2", "green", night="2024-02-01", why="test")
    began = START.isoformat()
    made = replace(new, id=1, stable_version="v1", stable_slot="blue", state=state)
    return replace(made, started_at=began, state_since=began, **fields)  # type: ignore[arg-type]


def measured(outcome: Outcome, is_needed: bool = True) -> Measurement:
    return Measurement("errors", outcome, 0.0, 0.0, 0.0, 0.1, 10, is_needed, f"errors: {outcome}")


def known(state: str, *outcomes: Outcome, **fields: object) -> Known:
    found = Known(
        now=START + timedelta(hours=1),
        champion="v2" if state == "promoted" else "v1",
        is_proven=True,
        is_ready=True,
        n=1000,
        measured=[measured(each) for each in outcomes],
    )
    return replace(found, **fields)  # type: ignore[arg-type]


STATES: list[releases.ReleaseState] = ["shadow", "canary", "promoted"]


@pytest.mark.parametrize("state", STATES)
def test_one_failed_guardrail_goes_back_whatever_else_passed(
    state: releases.ReleaseState,
) -> None:
    change = next_change(release(state), declared(), known(state, "passed", "failed"))
    assert change is not None
    assert (change.state, change.weight, change.shadow) == ("rolling_back", 0, 0)
    assert change.champion == ("stable" if state == "promoted" else "same")
    assert "errors: failed" in change.why


@pytest.mark.parametrize("state", ["shadow", "canary"])
@pytest.mark.parametrize(
    "seen",
    [
        known("canary"),
        known("canary", "inconclusive"),
        known("canary", "passed", "inconclusive"),
        known("canary", "passed", n=0),
        known("canary", "passed", n=99),
    ],
    ids=["nothing measured", "inconclusive", "one of two", "no questions", "too few"],
)
def test_what_is_not_certain_waits_and_then_ends_with_the_champion(
    state: releases.ReleaseState, seen: Known
) -> None:
    assert next_change(release(state), declared(), seen) is None
    late = next_change(release(state), declared(), replace(seen, now=START + timedelta(hours=24)))
    assert late is not None
    assert (late.state, late.champion) == ("rolling_back", "same")
    assert "the champion stays" in late.why


def test_what_no_step_waits_for_holds_up_nothing() -> None:
    seen = known("canary", "passed", "undeclared")
    loss = measured("inconclusive", is_needed=False)
    seen = replace(seen, measured=[seen.measured[0], loss])
    change = next_change(release("canary"), declared(), seen)
    assert change is not None
    assert (change.state, change.step, change.weight) == ("canary", 1, 0.5)


def test_without_steps_shadow_leads_to_promotion() -> None:
    only = declared(steps=[])
    change = next_change(release("shadow"), only, known("shadow", "passed"))
    assert change is not None
    assert (change.state, change.champion, change.weight) == ("promoted", "new", 0)


def test_without_shadow_the_first_step_comes_first() -> None:
    change = next_change(release("pending"), declared(shadow=None), known("pending"))
    assert change is not None
    assert (change.state, change.step, change.weight) == ("canary", 0, 0.1)


@pytest.mark.parametrize("state", ["pending", "shadow", "canary"])
def test_another_champion_than_expected_ends_the_release(state: releases.ReleaseState) -> None:
    change = next_change(release(state), declared(), known(state, "passed", champion="v9"))
    assert change is not None
    assert (change.state, change.champion) == ("rolling_back", "same")


def test_promoted_and_replaced_by_hand_is_over_and_moves_nothing() -> None:
    seen = known("promoted", "failed", champion="v9")
    change = next_change(release("promoted"), declared(), seen)
    assert change is not None
    assert (change.state, change.champion) == ("done", "same")


def test_a_clock_that_is_set_back_promotes_nothing_and_holds_no_rollback() -> None:
    before = START - timedelta(days=3)
    assert next_change(release("promoted"), declared(), known("promoted", now=before)) is None
    change = next_change(release("rolling_back"), declared(), known("rolling_back", now=before))
    assert change is not None
    assert change.state == "rolled_back"


@pytest.mark.parametrize("state", ["done", "rolled_back"])
def test_what_is_over_stays_over(state: releases.ReleaseState) -> None:
    assert next_change(release(state), declared(), known(state, "failed")) is None


class Living(RuleBasedStateMachine):
    """Two controllers with views of any age, people who abort, and a ledger between them."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger("sqlite://")
        self.ledger.reserve("m", 4000)
        self.ledger.set_slot("m", "blue", "v1", "proven")
        self.ledger.route("m", "blue", "v1", "the first", "test")
        self.declared = declared()
        self.now = START
        self.n_versions = 1
        self.aborted: set[int] = set()
        self.seen: list[Release] = []

    def champion(self) -> str:
        current = self.ledger.current("m")
        assert current is not None
        assert current[0].version is not None
        return current[0].version

    def newest(self) -> Release | None:
        return next(iter(releases.of_model(self.ledger, "m", limit=1)), None)

    @precondition(lambda self: releases.under_way(self.ledger, "m") is None)
    @rule()
    def begin(self) -> None:
        current = self.ledger.current("m")
        assert current is not None
        self.n_versions += 1
        version = f"v{self.n_versions}"
        free = "green" if current[0].slot == "blue" else "blue"
        self.ledger.set_slot("m", free, version, "proven")
        new = release_changes.plan(
            "m", version, free, night="2024-02-01", why="test", stable=current[0]
        )
        release_changes.start(self.ledger, new, "test")

    @rule()
    def look(self) -> None:
        """A controller reads, and may act on it much later."""
        if (found := releases.under_way(self.ledger, "m")) is not None:
            self.seen.append(found)

    @precondition(lambda self: self.seen)
    @rule(
        data=st.data(),
        outcome=st.sampled_from(["passed", "failed", "inconclusive"]),
        hours=st.sampled_from([0, 0, 0, 1, 30]),
        n=st.sampled_from([0, 1000]),
    )
    def act(self, data: st.DataObject, outcome: Outcome, hours: int, n: int) -> None:
        place = data.draw(st.integers(0, len(self.seen) - 1))
        old = self.seen.pop(place)
        self.now += timedelta(hours=hours)
        seen = Known(self.now, self.champion(), True, True, n, [measured(outcome)])
        began = old.started_at, old.state_since
        timed = replace(old, started_at=START.isoformat(), state_since=START.isoformat())
        change = next_change(timed, self.declared, seen)
        assert (old.started_at, old.state_since) == began
        if change is None:
            return
        before = releases.find(self.ledger, old.id)
        try:
            after = release_changes.transition(self.ledger, old, change, "controller")
        except BusyError:
            assert before.revision != old.revision
            return
        assert before.revision == old.revision
        if after.state == "promoted":
            assert outcome == "passed"
            assert n
            assert before.state in UNDER_WAY
            assert before.state != "pending"
        if outcome == "failed" and before.state in STATES:
            assert after.state in ("rolling_back", "done")

    @precondition(lambda self: releases.under_way(self.ledger, "m") is not None)
    @rule()
    def abort(self) -> None:
        found = releases.under_way(self.ledger, "m")
        assert found is not None
        if found.state != "rolling_back":
            change = machine.roll_back(found, "a person")
            release_changes.transition(self.ledger, found, change, "a person")
        self.aborted.add(found.id)

    @invariant()
    def what_was_aborted_never_answers(self) -> None:
        for each in releases.of_model(self.ledger, "m"):
            if each.id in self.aborted:
                assert each.state in ("rolling_back", "rolled_back")
                assert self.champion() != each.version

    @invariant()
    def the_route_is_what_the_state_says(self) -> None:
        found, route = self.newest(), self.ledger.live("m")
        assert route is not None
        assert len(releases.all_open(self.ledger)) <= 1
        if found is None or found.state not in ("shadow", "canary", "promoted"):
            assert (route.challenger, route.weight, route.shadow) == (None, 0, 0)
        if found is not None:
            is_through = found.state in ("promoted", "done")
            expected = found.version if is_through else found.stable_version
            assert route.champion.version == expected
            assert (found.weight > 0) == (found.state == "canary")

    @invariant()
    def the_record_tells_the_whole_way(self) -> None:
        if (found := self.newest()) is not None:
            record = releases.record(self.ledger, found.id)
            assert record[-1].state == found.state
            assert len(record) == found.revision + 1

    def teardown(self) -> None:
        self.ledger.engine.dispose()


Living.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestLiving = pytest.mark.slow(Living.TestCase)
