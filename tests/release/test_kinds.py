"""Each kind goes its declared way, and a declaration that means nothing is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from perennial.declare.release import Kind
from perennial.declare.release import Release as Declared
from perennial.keep import release_changes, releases
from perennial.keep.releases import Release
from perennial.release.guardrails import Measurement, Outcome
from perennial.release.kinds import KINDS
from perennial.release.machine import SILENT, Known, next_change

START = datetime(2024, 2, 1, tzinfo=UTC)
AB = {"hours": 6, "metric": "loss"}
KINDS_DECLARED: dict[Kind, dict[str, Any]] = {
    "canary": {"steps": [0.1, 0.5]},
    "shadow": {},
    "ab": {"ab": AB},
    "interleave": {"interleave": {"share": 0.8}},
    "blue_green": {},
}


def declared(kind: Kind, **fields: Any) -> Declared:
    return Declared.model_validate({"kind": kind, **KINDS_DECLARED[kind], **fields})


def release(kind: Kind, state: releases.ReleaseState, **fields: Any) -> Release:
    new = release_changes.plan("m", "v2", "green", night="2024-02-01", why="test", kind=kind)
    began = START.isoformat()
    made = replace(new, id=1, stable_version="v1", stable_slot="blue", state=state)
    return replace(made, started_at=began, state_since=began, **fields)


def measured(
    outcome: Outcome = "passed",
    low: float | None = -0.1,
    high: float | None = -0.01,
    name: str = "loss",
) -> Measurement:
    return Measurement(name, outcome, -0.05, low, high, 0.05, 500, True, f"{name}: {outcome}")


def known(*found: Measurement, hours: float = 1, **fields: Any) -> Known:
    seen = Known(START + timedelta(hours=hours), "v1", True, True, 1000, found)
    return replace(seen, **fields)


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("canary", [("shadow", 0), ("canary", 0.1), ("canary", 0.5), ("promoted", 0)]),
        ("shadow", [("shadow", 0)]),
        ("ab", [("shadow", 0), ("canary", 0.5), ("promoted", 0)]),
        ("interleave", [("shadow", 0), ("canary", 0.8), ("promoted", 0)]),
        ("blue_green", [("promoted", 0)]),
    ],
)
def test_each_kind_goes_its_way(kind: Kind, way: list[tuple[str, float]]) -> None:
    taken = []
    now = release(kind, "pending")
    for _ in range(6):
        seen = known(measured(), measured(name="parity"), hours=10)
        change = next_change(now, declared(kind), seen)
        if change is None or change.action == "verdict":
            break
        taken.append((change.state, change.weight))
        now = replace(now, state=change.state, step=change.step, weight=change.weight)
        if now.state == "promoted":
            break
    assert taken == way


def test_each_declared_kind_is_in_the_table() -> None:
    assert set(KINDS) == set(KINDS_DECLARED)
    for kind in KINDS:
        n_declared = len(KINDS[kind](declared(kind)))
        assert declared(kind).n_phases == n_declared + 1, "the armed time is one more"


def test_a_shadow_that_passed_says_so_once_and_waits_for_a_person() -> None:
    now = release("shadow", "shadow", shadow=1.0)
    change = next_change(now, declared("shadow"), known(measured()))
    assert change is not None
    assert (change.state, change.action, change.shadow) == ("shadow", "verdict", 1.0)
    assert "perennial release promote" in change.why
    told = replace(now, has_verdict=True)
    assert next_change(told, declared("shadow"), known(measured())) is None
    late = next_change(told, declared("shadow"), known(measured(), hours=24))
    assert late is not None
    assert (late.state, late.champion) == ("rolling_back", "same")
    assert "no person promoted it" in late.why
    failed = next_change(told, declared("shadow"), known(measured("failed")))
    assert failed is not None
    assert failed.state == "rolling_back"


def test_a_shadow_may_be_declared_to_promote_by_itself() -> None:
    by_itself = declared("shadow", then="promote")
    change = next_change(release("shadow", "shadow"), by_itself, known(measured()))
    assert change is not None
    assert (change.state, change.champion) == ("promoted", "new")


@pytest.mark.parametrize(
    ("margin", "found", "hours", "state", "because"),
    [
        (0, [measured()], 5.9, None, ""),
        (0, [measured()], 6, "promoted", "surely better"),
        (0, [measured(high=0.0)], 6, "rolling_back", "not surely better"),
        (0.05, [measured(high=0.05)], 6, "promoted", "surely not worse by 0.05"),
        (0.05, [measured(high=0.06)], 6, "rolling_back", "not surely not worse"),
        (0, [measured(low=None, high=None)], 6, "rolling_back", "no bounds"),
        (0, [], 6, "rolling_back", "no bounds"),
        (0, [measured("failed")], 1, "rolling_back", "loss: failed"),
        (0, [measured(), measured("inconclusive", name="errors")], 6, "rolling_back", "errors"),
    ],
)  # fmt: skip
def test_an_ab_test_ends_by_its_verdict_and_any_doubt_with_the_champion(
    margin: float, found: list[Measurement], hours: float, state: str | None, because: str
) -> None:
    asked = declared("ab", ab={**AB, "margin": margin})
    change = next_change(release("ab", "canary"), asked, known(*found, hours=hours))
    assert (change.state if change else None) == state
    assert change is None or because in change.why


def test_an_ab_test_that_is_won_waits_for_parity_alone_and_as_long_as_it_is_won() -> None:
    asked, now = declared("ab"), release("ab", "canary", weight=0.5)
    waiting = measured("inconclusive", name="parity")
    told = next_change(now, asked, known(measured(), waiting, hours=6))
    assert told is not None
    assert (told.state, told.action, told.weight) == ("canary", "verdict", 0.5)
    assert "so it is surely better; waits for that until the time limit of 24 h: parity" in told.why
    now = replace(now, has_verdict=True)
    assert next_change(now, asked, known(measured(), waiting, hours=7)) is None
    cases = [
        ([measured(), measured(name="parity")], 7, "promoted", "surely better"),
        ([measured(), measured("failed", name="parity")], 7, "rolling_back", "parity: failed"),
        ([measured(high=0.0), waiting], 7, "rolling_back", "not surely better"),
        ([measured(), waiting, measured("inconclusive", name="errors")], 7, "rolling_back", "err"),
        ([measured(), waiting], 24, "rolling_back", "champion stays: parity: inconclusive"),
    ]
    for found, hours, state, because in cases:
        change = next_change(now, asked, known(*found, hours=hours))
        assert change is not None
        assert (change.state, because in change.why) == (state, True), change.why


def test_a_switch_needs_parity_where_it_is_declared() -> None:
    now, passed = release("blue_green", "pending"), measured(name="parity")
    for found in ([], [measured()], [measured("inconclusive", name="parity")]):
        assert next_change(now, declared("blue_green"), known(*found)) is None
    not_ready = known(passed, is_ready=False)
    assert next_change(now, declared("blue_green"), not_ready) is None
    change = next_change(now, declared("blue_green"), known(passed))
    assert change is not None
    assert (change.state, change.champion) == ("promoted", "new")
    back = next_change(now, declared("blue_green"), known(measured("failed", name="parity")))
    assert back is not None
    assert (back.state, back.champion) == ("rolling_back", "same")
    at_once = next_change(now, declared("blue_green", parity=None), known())
    assert at_once is not None
    assert at_once.state == "promoted"


def test_an_ab_test_with_too_few_answers_ends_with_the_champion() -> None:
    change = next_change(release("ab", "canary"), declared("ab"), known(measured(), hours=6, n=99))
    assert change is not None
    assert change.state == "rolling_back"
    assert "99 of 100 answers" in change.why


@pytest.mark.parametrize("state", ["pending", "shadow", "canary", "promoted"])
def test_a_pause_holds_everything_but_the_way_back(state: releases.ReleaseState) -> None:
    held = release("canary", state, paused_at=START.isoformat())
    champion = "v2" if state == "promoted" else "v1"
    seen = known(measured(), hours=23, champion=champion)
    assert next_change(held, declared("canary", armed_hours=1), seen) is None
    failed = next_change(held, declared("canary"), replace(seen, measured=[measured("failed")]))
    assert failed is not None
    assert failed.state == "rolling_back"


def test_the_time_limit_goes_on_in_a_pause() -> None:
    held = release("canary", "canary", paused_at=START.isoformat())
    late = next_change(held, declared("canary"), known(measured(), hours=24))
    assert late is not None
    assert late.state == "rolling_back"
    assert "it is paused" in late.why


def test_a_pause_after_promotion_keeps_it_armed_but_not_for_ever() -> None:
    """Both slots are held so long, and no other version could be deployed."""
    asked = declared("canary", armed_hours=1, time_limit_hours=24)
    held = release("canary", "promoted", paused_at=(START + timedelta(minutes=30)).isoformat())
    soon = known(measured(), champion="v2", hours=24.4)
    assert next_change(held, asked, soon) is None
    change = next_change(held, asked, replace(soon, now=START + timedelta(hours=24.5)))
    assert change is not None
    assert (change.state, change.champion) == ("done", "same")
    assert change.why == (
        "no guardrail failed within 1 hours after promotion, nor within 24 hours of a pause"
    )


@pytest.mark.parametrize("state", ["pending", "shadow", "canary", "promoted"])
def test_what_cannot_be_seen_is_told_and_held_and_goes_back_in_time(
    state: releases.ReleaseState,
) -> None:
    now = release("canary", state, weight=0.1 if state == "canary" else 0.0)
    champion = "v2" if state == "promoted" else "v1"
    dark = known(hours=0, champion=champion, blind="OSError: no disk")
    first = next_change(now, declared("canary"), dark)
    assert first is not None
    assert (first.state, first.action, first.weight) == (state, "blind", now.weight)
    assert "no disk" in first.why
    now = replace(now, blind_since=START.isoformat())
    soon = replace(dark, now=START + timedelta(minutes=9))
    assert next_change(now, declared("canary"), soon) is None
    late = replace(dark, now=START + timedelta(minutes=10))
    back = next_change(now, declared("canary"), late)
    assert back is not None
    assert (back.state, back.champion) == (
        "rolling_back",
        "stable" if state == "promoted" else "same",
    )
    bright = replace(soon, blind=None)
    again = next_change(now, declared("canary"), bright)
    assert again is not None
    assert (again.state, again.action) == (state, "see")


def test_a_promoted_server_that_is_silent_goes_back_while_the_old_one_answers() -> None:
    now = release("blue_green", "promoted")
    seen = known(champion="v2", silent_seconds=SILENT.total_seconds() - 1)
    assert next_change(now, declared("blue_green"), seen) is None
    dead = replace(seen, silent_seconds=SILENT.total_seconds())
    change = next_change(now, declared("blue_green"), dead)
    assert change is not None
    assert (change.state, change.champion) == ("rolling_back", "stable")


def test_another_kind_declared_in_the_middle_ends_with_the_champion() -> None:
    change = next_change(release("canary", "canary"), declared("shadow"), known(measured()))
    assert change is not None
    assert change.state == "rolling_back"
    assert "began as canary and its model declares shadow now" in change.why


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "shadow", "steps": [0.5]}, "kind shadow has no use for `steps`; leave it out"),
        ({"kind": "shadow", "shadow": None}, "kind shadow needs `shadow`"),
        ({"kind": "shadow", "min_requests": 5}, "no use for `min_requests`"),
        ({"kind": "canary", "then": "promote"}, "declare kind: shadow"),
        ({"kind": "canary", "ab": AB}, "declare kind: ab"),
        ({"kind": "ab"}, "kind ab needs `ab`"),
        ({"kind": "ab", "ab": AB, "steps": [0.5]}, "no use for `steps`"),
        ({"kind": "ab", "ab": {**AB, "hours": 24}}, "ab.hours must be below time_limit_hours"),
        ({"kind": "ab", "ab": AB, "guardrails": {"loss": None}}, "guardrails.loss is null"),
        ({"kind": "ab", "ab": {**AB, "metric": "joy"}}, "'loss', 'errors' or 'latency'"),
        ({"kind": "blue_green", "shadow": {"share": 0.5}}, "no use for `shadow`"),
        ({"kind": "at_once"}, "'canary', 'shadow', 'ab', 'interleave' or 'blue_green'"),
        ({"kind": "interleave"}, "kind interleave needs `interleave`"),
        ({"kind": "interleave", "interleave": {"margin": 1}}, "less than 1"),
        ({"kind": "interleave", "interleave": {"share": 0}}, "greater than 0"),
        ({"kind": "interleave", "interleave": {}, "steps": [0.5]}, "no use for `steps`"),
        ({"kind": "interleave", "interleave": {}, "sticky_by": ["a"]}, "no use for `sticky_by`"),
        ({"kind": "interleave", "interleave": {}, "min_labels": 5}, "no use for `min_labels`"),
        ({"kind": "canary", "interleave": {}}, "declare kind: interleave"),
        ({"kind": "canary", "steps": [], "shadow": None}, "a canary needs steps"),
        ({"kind": "canary", "steps": [0.5, 0.1]}, "steps must grow"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused_in_words(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Declared.model_validate(fields)
    assert told in str(refused.value)
