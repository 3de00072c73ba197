"""Releases in the ledger: one at a time, compare-and-set, all of a change or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import event, select

from perennial.errors import BusyError, UnavailableError
from perennial.keep import release_changes, releases
from perennial.keep.ledger import Ledger, Slot
from perennial.keep.ledger_tables import audit
from perennial.keep.release_changes import Change
from perennial.keep.releases import Release

OLD = Slot("m", "blue", 4000, "v1", "proven")
NEW = Slot("m", "green", 4001, "v2", "proven")


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    made = Ledger(ledger_url)
    made.reserve("m", 4000)
    made.set_slot("m", "blue", "v1", "proven")
    made.set_slot("m", "green", "v2", "proven")
    made.route("m", "blue", "v1", "the first", "test")
    yield made
    made.engine.dispose()


def planned(**fields: object) -> Release:
    release = release_changes.plan(
        "m", "v2", "green", night="2024-02-01", why="blessed", stable=OLD
    )
    return replace(release, **fields)  # type: ignore[arg-type]


def begin(ledger: Ledger, **fields: object) -> Release:
    return release_changes.start(ledger, planned(**fields), "test")


def n_audited(ledger: Ledger) -> int:
    with ledger.engine.connect() as connection:
        return len(connection.execute(select(audit)).all())


SHADOW = Change("shadow", "shadow", "its slot answers", shadow=0.5)
CANARY = Change("canary", "step", "every guardrail passed", step=0, weight=0.25)
PROMOTED = Change("promoted", "promote", "the last step passed", champion="new", shadow=1.0)
BACK = Change("rolling_back", "roll back", "a person said so", champion="stable")


def test_a_release_that_began_changes_nothing_of_what_answers(ledger: Ledger) -> None:
    release = begin(ledger)
    route = ledger.live("m")
    assert route is not None
    assert (route.champion, route.challenger, route.weight, route.shadow) == (OLD, None, 0, 0)
    assert route.release_id == release.id
    assert releases.find(ledger, release.id) == release == releases.under_way(ledger, "m")
    assert [each.why for each in releases.record(ledger, release.id)] == ["blessed"]


def test_each_state_is_what_the_gateway_reads(ledger: Ledger) -> None:
    release = release_changes.transition(ledger, begin(ledger), SHADOW, "test", after_seq=7)
    route = ledger.live("m")
    assert route is not None
    assert (route.champion, route.challenger, route.weight, route.shadow) == (OLD, NEW, 0, 0.5)
    release = release_changes.transition(ledger, release, CANARY, "test", after_seq=9)
    route = ledger.live("m")
    assert route is not None
    assert (route.champion, route.challenger, route.weight, route.shadow) == (OLD, NEW, 0.25, 0)
    release = release_changes.transition(ledger, release, PROMOTED, "test", after_seq=11)
    route = ledger.live("m")
    assert route is not None
    assert (route.champion, route.challenger, route.weight, route.shadow) == (NEW, OLD, 0, 1)
    assert route.release_id == release.id
    release_changes.transition(ledger, release, Change("done", "done", "armed long enough"), "test")
    route = ledger.live("m")
    assert route is not None
    assert (route.champion, route.challenger, route.release_id) == (NEW, None, None)
    record = releases.record(ledger, release.id)
    assert [each.after_seq for each in record] == [0, 7, 9, 11, 11]
    assert [each.state for each in record] == ["pending", "shadow", "canary", "promoted", "done"]


def test_the_route_is_read_in_one_query(ledger: Ledger) -> None:
    release_changes.transition(ledger, begin(ledger), CANARY, "test")
    asked: list[str] = []
    event.listen(
        ledger.engine, "before_cursor_execute", lambda *given: asked.append(given[2]), named=False
    )
    assert ledger.live("m") is not None
    assert len(asked) == 1


def test_nothing_serves_and_no_route_is_made_up(ledger: Ledger) -> None:
    assert ledger.live("other") is None


@pytest.mark.parametrize("state", ["assigned", "failed"])
def test_a_challenger_that_is_not_proven_any_more_gets_no_traffic(
    ledger: Ledger, state: releases.ReleaseState
) -> None:
    release_changes.transition(ledger, begin(ledger), CANARY, "test")
    ledger.set_slot("m", "green", "v2", state)  # type: ignore[arg-type]
    route = ledger.live("m")
    assert route is not None
    assert (route.champion, route.challenger, route.weight) == (OLD, None, 0)


def test_a_challenger_whose_slot_has_another_version_gets_no_traffic(ledger: Ledger) -> None:
    release_changes.transition(ledger, begin(ledger), CANARY, "test")
    ledger.set_slot("m", "green", "v3", "proven")
    route = ledger.live("m")
    assert route is not None
    assert route.challenger is None


def test_a_second_release_is_refused_while_one_is_not_over(ledger: Ledger) -> None:
    release = begin(ledger)
    with pytest.raises(BusyError, match="another release of m is not over"):
        begin(ledger, version="v3")
    release = release_changes.transition(ledger, release, BACK, "test")
    with pytest.raises(BusyError):
        begin(ledger, version="v3")
    release_changes.transition(
        ledger, release, Change("rolled_back", "rolled back", "over"), "test"
    )
    other = begin(ledger)
    assert other.id > release.id
    assert [each.id for each in releases.of_model(ledger, "m")] == [other.id, release.id]


def test_of_two_that_start_at_once_one_is_refused(ledger: Ledger) -> None:
    def race(version: str) -> str:
        try:
            return begin(ledger, version=version).version
        except BusyError:
            return "refused"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(race, ["v2", "v3", "v4", "v5"]))
    assert outcomes.count("refused") == 3


def test_a_step_that_was_decided_before_an_abort_is_refused(ledger: Ledger) -> None:
    seen = release_changes.transition(ledger, begin(ledger), CANARY, "controller")
    aborted = release_changes.transition(ledger, seen, BACK, "a person")
    before = n_audited(ledger)
    with pytest.raises(BusyError, match="changed by another process since revision 1"):
        release_changes.transition(ledger, seen, PROMOTED, "controller")
    assert releases.find(ledger, seen.id) == aborted
    assert n_audited(ledger) == before
    route = ledger.live("m")
    assert route is not None
    assert (route.champion, route.challenger) == (OLD, None)


def test_promotion_to_a_slot_that_is_not_proven_changes_nothing(ledger: Ledger) -> None:
    seen = release_changes.transition(ledger, begin(ledger), CANARY, "test")
    ledger.set_slot("m", "green", "v2", "failed")
    before = n_audited(ledger)
    with pytest.raises(UnavailableError, match=r"slot 'green', which is v2 \(failed\)"):
        release_changes.transition(ledger, seen, PROMOTED, "test")
    assert releases.find(ledger, seen.id) == seen
    assert n_audited(ledger) == before
    assert len(ledger.history("m")) == 1


def test_a_rollback_after_promotion_is_one_more_route(ledger: Ledger) -> None:
    promoted = release_changes.transition(ledger, begin(ledger), PROMOTED, "test")
    assert not promoted.is_mirrored
    back = release_changes.transition(ledger, promoted, BACK, "test")
    route = ledger.live("m")
    assert route is not None
    assert (route.champion, route.challenger, route.weight, route.shadow) == (OLD, None, 0, 0)
    assert [each["version"] for each in ledger.history("m")] == ["v1", "v2", "v1"]
    assert releases.not_mirrored(ledger) == [back]


def test_only_the_revision_that_was_seen_is_marked_as_mirrored(ledger: Ledger) -> None:
    promoted = release_changes.transition(ledger, begin(ledger), PROMOTED, "test")
    back = release_changes.transition(ledger, promoted, BACK, "test")
    release_changes.set_mirrored(ledger, promoted)
    assert not releases.find(ledger, back.id).is_mirrored
    release_changes.set_mirrored(ledger, back)
    assert releases.find(ledger, back.id).is_mirrored


def test_measurements_are_shown_without_a_new_revision(ledger: Ledger) -> None:
    release = begin(ledger)
    release_changes.show_measured(ledger, release, [{"guardrail": "errors"}])
    found = releases.find(ledger, release.id)
    assert (found.revision, found.measured) == (0, '[{"guardrail": "errors"}]')


def test_a_release_that_is_none_is_told(ledger: Ledger) -> None:
    with pytest.raises(UnavailableError, match="no release 17"):
        releases.find(ledger, 17)
