"""The stage `release`: what is proven answers from now on, once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep.ledger import Ledger, State
from perennial.keep.replays import allow_again
from perennial.release import Released, mirroring, release

from .conftest import package, put

MODEL = "ripeness"
NIGHT = "2024-02-01"


@pytest.fixture
def project(make_project: Callable[..., Project], champions: list[str]) -> Project:
    made = make_project(n_days=0, release={"kind": "blue_green", "armed_hours": 0})
    Ledger.of(made).reserve(MODEL, 4100)
    return made


def let(project: Project) -> Released:
    return release(MODEL, NIGHT, project=project)


def test_a_proven_version_answers_and_is_champion(project: Project, champions: list[str]) -> None:
    put(project, "v1", "green")
    report = let(project)
    assert (report.version, report.slot, report.replaced) == ("v1", "green", None)
    serves = Ledger.of(project).current(MODEL)
    assert serves is not None
    assert (serves[0].slot, serves[0].version) == ("green", "v1")
    assert champions == ["ripeness v1"]


def test_twice_is_once(project: Project) -> None:
    put(project, "v1", "blue")
    assert let(project) == let(project)
    (route,) = Ledger.of(project).history(MODEL)
    assert NIGHT in route["why"]


def test_the_next_version_replaces_it_and_the_old_slot_stays(project: Project) -> None:
    put(project, "v1", "blue")
    let(project)
    put(project, "v2", "green")
    report = let(project)
    assert (report.slot, report.replaced) == ("green", "v1")
    assert let(project) == report
    assert [each["version"] for each in Ledger.of(project).history(MODEL)] == ["v1", "v2"]
    blue, _ = Ledger.of(project).slots(MODEL)
    assert (blue.version, blue.state) == ("v1", "proven")


def test_going_back_is_one_more_route(project: Project) -> None:
    put(project, "v1", "blue")
    let(project)
    put(project, "v2", "green")
    let(project)
    package(project, "v1")
    allow_again(Ledger.of(project), MODEL, "v1", "ada", "v2 was worse on Sundays")
    assert (let(project).version, let(project).slot) == ("v1", "blue")
    assert [each["slot"] for each in Ledger.of(project).history(MODEL)] == ["blue", "green", "blue"]


@pytest.mark.parametrize("state", ["assigned", "failed"])
def test_a_version_that_is_not_proven_does_not_answer_and_what_does_goes_on(
    project: Project, champions: list[str], state: State
) -> None:
    put(project, "v1", "blue")
    let(project)
    put(project, "v2", "green", state)
    with pytest.raises(UnavailableError, match=rf"blue: v1 proven, green: v2 {state}.*deploy"):
        let(project)
    assert [each["version"] for each in Ledger.of(project).history(MODEL)] == ["v1"]
    assert champions == ["ripeness v1"]


def test_another_version_on_a_proven_slot_is_no_proof(project: Project) -> None:
    put(project, "v1", "blue")
    package(project, "v2")
    with pytest.raises(UnavailableError, match="v2 is on no proven slot"):
        let(project)


def test_nothing_packaged_is_told(project: Project) -> None:
    with pytest.raises(UnavailableError, match="no version is packaged"):
        let(project)


def test_a_release_that_died_before_the_registry_knew_is_completed_by_the_next(
    project: Project, champions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: object) -> int:
        raise KeyboardInterrupt

    put(project, "v1", "blue")
    with monkeypatch.context() as patched:
        patched.setattr(mirroring, "set_champion", dying)
        with pytest.raises(KeyboardInterrupt):
            let(project)
    assert champions == []
    let(project)
    assert champions == ["ripeness v1"]
    assert len(Ledger.of(project).history(MODEL)) == 1
