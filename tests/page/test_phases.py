"""How far a release has come, by its state and its record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perennial.declare.release import Release as Declared
from perennial.keep.release_changes import plan
from perennial.keep.releases import Recorded
from perennial_airflow.page.phases import phases_of
from perennial_airflow.page.shelf import OneRelease

DECLARED = Declared.model_validate({"steps": [0.05, 0.5]})
NAMES = ["shadow", "5 %", "50 %", "promoted", "done"]


def released(
    state: Any,
    weight: float = 0.0,
    before: tuple[tuple[Any, float], ...] = (),
    kind: Any = "canary",
) -> Any:
    release = plan("m", "v", "blue", night="2024-01-01", why="", kind=kind)
    record = [Recorded("", each, 0, share, 0.0, 0, "", "", []) for each, share in before]
    return OneRelease(replace(release, state=state, weight=weight), record)


@pytest.mark.parametrize(
    ("state", "weight", "now"),
    [("pending", 0.0, 0), ("shadow", 0.0, 0), ("canary", 0.05, 1), ("canary", 0.5, 2),
     ("promoted", 0.0, 3)],
)  # fmt: skip
def test_the_phase_that_it_is_in_is_marked(state: str, weight: float, now: int) -> None:
    phases = phases_of(released(state, weight), DECLARED)
    assert [each.name for each in phases] == NAMES
    assert [each.place for each in phases].index("now") == now
    assert all(each.place == "past" for each in phases[:now])


@pytest.mark.parametrize(
    ("declared", "names"),
    [
        ({"kind": "ab", "ab": {"metric": "loss", "hours": 2, "weight": 0.5}}, ["shadow", "50 %"]),
        ({"kind": "interleave", "interleave": {"share": 0.5}}, ["shadow", "50 %"]),
        ({"kind": "blue_green"}, []),
        ({"kind": "shadow", "shadow": {"share": 0.5}}, ["shadow"]),
    ],
    ids=["ab", "interleave", "blue_green", "shadow"],
)
def test_each_kind_has_its_own_way(declared: dict[str, Any], names: list[str]) -> None:
    one = released("promoted", kind=declared["kind"])
    found = phases_of(one, Declared.model_validate(declared))
    assert [each.name for each in found] == [*names, "promoted", "done"]
    assert next(each.name for each in found if each.place == "now") == "promoted"


def test_a_switch_that_waits_has_not_happened() -> None:
    phases = phases_of(released("pending", kind="blue_green"), Declared(kind="blue_green"))
    assert [(each.name, each.place) for each in phases] == [
        ("pending", "now"),
        ("promoted", "ahead"),
        ("done", "ahead"),
    ]


def test_a_release_that_is_done_has_every_phase_behind_it() -> None:
    assert {each.place for each in phases_of(released("done"), DECLARED)} == {"past"}


def test_a_release_that_went_back_shows_how_far_it_came() -> None:
    before = (("shadow", 0.0), ("canary", 0.05), ("rolling_back", 0.0))
    phases = phases_of(released("rolled_back", before=before), DECLARED)
    assert [each.name for each in phases] == ["shadow", "5 %", "rolled back"]
    assert phases[-1].place == "failed"


def test_a_release_of_another_declaration_is_shown_from_its_start() -> None:
    assert phases_of(released("canary", 0.33), DECLARED)[0].place == "now"
    assert [each.name for each in phases_of(released("promoted"), None)] == ["promoted", "done"]


def test_a_release_that_is_over_shows_what_settled_it() -> None:
    release = replace(plan("m", "v", "blue", night="2024-01-01", why=""), measured='[{"n": 9}]')
    record = [
        Recorded("", "canary", 0, 0.5, 0.0, 0, "step", "", [{"n": 1}]),
        Recorded("", "promoted", 0, 0.0, 0.0, 0, "promote", "", [{"n": 2}]),
        Recorded("", "rolling_back", 0, 0.0, 0.0, 0, "roll back", "", [{"n": 3}]),
    ]
    states: tuple[Any, ...] = ("promoted", "done", "rolled_back")
    found = {each: OneRelease(replace(release, state=each), record).measured for each in states}
    assert found == {"promoted": [{"n": 9}], "done": [{"n": 2}], "rolled_back": [{"n": 3}]}
    waiting = replace(release, state="canary", measured="[]")
    assert OneRelease(waiting, record[:1]).measured == [{"n": 1}]
