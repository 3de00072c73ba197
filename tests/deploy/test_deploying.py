"""The stage `deploy`: only what is proven is used, and what serves stays."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.deploy import Deployed, deploy, deploying, superseding, supervision
from perennial.errors import IntegrityError, PerennialError, UnavailableError
from perennial.keep import release_changes, releases
from perennial.keep.ledger import Ledger, Slot
from perennial.keep.release_changes import SETTLE, Change
from perennial.keep.releases import Release

from .conftest import MODEL, SCORES, Said, answering, package, slot

NIGHT = "2024-02-01"


@pytest.fixture
def said(project: Project, monkeypatch: pytest.MonkeyPatch) -> Said:
    """What the slot's server says; it is started and stopped as a process would be."""
    says = Said()

    @contextlib.contextmanager
    def temporary(_: Project, place: Slot) -> Iterator[tuple[Path, Callable[[], bool]]]:
        with answering(place.port, says):
            yield project.var / "logs" / "slot.log", lambda: True

    monkeypatch.setattr(deploying, "temporary", temporary)
    monkeypatch.setattr(deploying, "READY_SECONDS", 0.3)
    package(project, "v1")
    return says


def put(project: Project) -> Deployed:
    return deploy(MODEL, NIGHT, project=project)


def serve(project: Project, version: str, said: Said) -> str:
    """Package, deploy and route a version; its slot."""
    package(project, version)
    said.version = version
    name = put(project).slot
    Ledger.of(project).route(MODEL, name, version, "test", "test")
    return name


def test_a_proven_version_is_on_a_slot(project: Project, said: Said) -> None:
    report = put(project)
    assert (report.slot, report.version, report.is_proven) == ("blue", "v1", True)
    assert (report.port, report.n_reference_rows) == (project.settings.slot_port, len(SCORES))
    assert (slot(project, "blue").state, slot(project, "blue").version) == ("proven", "v1")
    assert slot(project, "green").state == "empty"


def test_twice_is_once(project: Project, said: Said) -> None:
    assert put(project) == put(project)
    assert slot(project, "green").state == "empty"


def test_the_next_version_goes_where_nothing_serves(project: Project, said: Said) -> None:
    assert serve(project, "v1", said) == "blue"
    assert serve(project, "v2", said) == "green"
    assert serve(project, "v3", said) == "blue"
    assert slot(project, "green").version == "v2"


def test_an_unreleased_version_gives_way_to_the_next(project: Project, said: Said) -> None:
    serve(project, "v1", said)
    for version in ("v2", "v3"):
        package(project, version)
        said.version = version
        assert put(project).slot == "green"
    assert (slot(project, "blue").version, slot(project, "green").version) == ("v1", "v3")


WRONG: list[Any] = [
    {"scores": [*SCORES[:2], SCORES[2] + 1e-8]},
    {"scores": SCORES[:2]},
    {"scores": [*SCORES[:2], None]},
    {"scores": [*SCORES[:2], "0.9"]},
    {"scores": [*SCORES[:2], math.nan]},
    {"answers": SCORES},
    SCORES,
    None,
]


@pytest.mark.parametrize("prediction", WRONG, ids=str)
def test_a_version_that_answers_otherwise_fails_and_what_serves_stays(
    project: Project, said: Said, prediction: Any
) -> None:
    serve(project, "v1", said)
    package(project, "v2")
    said.version, said.prediction = "v2", prediction
    with pytest.raises(IntegrityError):
        put(project)
    green = slot(project, "green")
    assert (green.version, green.state) == ("v2", "failed")
    assert green.detail
    serves = Ledger.of(project).current(MODEL)
    assert serves is not None
    assert (serves[0].slot, serves[0].version, serves[0].state) == ("blue", "v1", "proven")
    with pytest.raises(UnavailableError, match="must be proven"):
        Ledger.of(project).route(MODEL, "green", "v2", "test", "test")


def test_answers_within_the_tolerance_are_the_same(project: Project, said: Said) -> None:
    said.prediction = {"scores": [score + 5e-10 for score in SCORES]}
    assert put(project).is_proven


def never_ready(said: Said) -> None:
    said.is_ready = False


def other_version(said: Said) -> None:
    said.version = "other"


def refusing(said: Said) -> None:
    said.status, said.prediction = 500, {"error": "no"}


def garbled(said: Said) -> None:
    said.prediction = b"<html>"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (never_ready, "was not ready within 0.3 s"),
        (other_version, "runs other on port"),
        (refusing, "answered 500 to /predict"),
        (garbled, "does not answer /predict"),
    ],
)
def test_a_server_that_does_not_answer_fails_and_may_be_tried_again(
    project: Project, said: Said, fault: Callable[[Said], None], told: str
) -> None:
    fault(said)
    with pytest.raises(UnavailableError, match=told):
        put(project)
    assert slot(project, "blue").state == "failed"
    said.__init__()  # type: ignore[misc]  # what it says at first
    assert put(project).slot == "blue"
    assert slot(project, "blue").state == "proven"


def test_what_serves_stays_proven_when_its_server_does_not_start_again(
    project: Project, said: Said
) -> None:
    serve(project, "v1", said)
    said.is_ready = False
    with pytest.raises(UnavailableError):
        put(project)
    assert slot(project, "blue").state == "proven"
    said.is_ready, said.prediction = True, {"scores": [0.0, 0.0, 0.0]}
    with pytest.raises(IntegrityError):
        put(project)
    assert slot(project, "blue").state == "failed"


def test_another_s_server_on_the_port_is_never_proven(project: Project, said: Said) -> None:
    others = answering(project.settings.slot_port, Said())
    with others, pytest.raises(UnavailableError, match="that this project did not start"):
        put(project)
    assert slot(project, "blue").state == "failed"


def test_a_reference_without_rows_proves_nothing(project: Project, said: Said) -> None:
    package(project, "v1", {"columns": {}, "scores": []})
    with pytest.raises(IntegrityError, match="proves nothing"):
        put(project)


def test_nothing_packaged_is_told(project: Project) -> None:
    with pytest.raises(UnavailableError, match="no version is packaged"):
        put(project)
    assert Ledger.of(project).slots(MODEL) == []


def test_under_a_supervisor_the_server_is_started_by_it_and_stays(
    project: Project, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def start_slot(_: Project, place: Slot, version: str) -> Path:
        started.append(f"{place.slot} {version} {place.state}")
        return project.var / "logs" / "slot.log"

    monkeypatch.setattr(supervision, "is_running", lambda _: True)
    monkeypatch.setattr(supervision, "start_slot", start_slot)
    with answering(project.settings.slot_port, said):
        assert put(project).is_proven
        assert put(project).is_proven
    assert started == ["blue v1 assigned", "blue v1 proven"]


def test_a_failure_is_on_record(project: Project, said: Said) -> None:
    said.prediction = {"scores": [1.0, 1.0, 1.0]}
    with pytest.raises(PerennialError) as told:
        put(project)
    assert slot(project, "blue").detail == str(told.value)


def begun(project: Project, said: Said) -> Release:
    """A release of v2 on green, while v1 serves from blue."""
    serve(project, "v1", said)
    package(project, "v2")
    said.version = "v2"
    put(project)
    ledger = Ledger.of(project)
    blue = slot(project, "blue")
    new = release_changes.plan(MODEL, "v2", "green", night=NIGHT, why="test", stable=blue)
    return release_changes.start(ledger, new, "test")


@pytest.mark.parametrize("state", ["pending", "shadow", "canary", "rolling_back"])
def test_a_new_version_takes_the_slot_of_a_candidate_under_way(
    project: Project, said: Said, state: releases.ReleaseState
) -> None:
    release = begun(project, said)
    ledger = Ledger.of(project)
    if state != "pending":
        change = Change(state, "test", "a test")
        release = release_changes.transition(ledger, release, change, "test")
    package(project, "v3")
    said.version = "v3"
    assert put(project).slot == "green"
    found = releases.find(ledger, release.id)
    why = "a test" if state == "rolling_back" else f"superseded by v3, for the night of {NIGHT}"
    assert (found.state, found.weight, found.why) == ("rolled_back", 0, why)
    assert put(project).slot == "green", "twice is once"
    assert len(releases.record(ledger, release.id)) == found.revision + 1


def test_a_slot_is_taken_only_when_every_gateway_has_left_it(
    project: Project, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    begun(project, said)
    monkeypatch.setattr(superseding.time, "sleep", slept.append)
    package(project, "v3")
    said.version = "v3"
    put(project)
    assert 1 < slept[0] <= SETTLE.total_seconds()


@pytest.mark.parametrize("state", ["canary", "promoted"])
def test_what_is_paused_or_armed_holds_its_slots(
    project: Project, said: Said, state: releases.ReleaseState
) -> None:
    release = begun(project, said)
    ledger = Ledger.of(project)
    champion: Any = "new" if state == "promoted" else "same"
    change = Change(state, "test", "test", champion=champion)
    release = release_changes.transition(ledger, release, change, "test")
    if state == "canary":
        pause = release_changes.keep_on(release, "pause", "let me look")
        release = release_changes.transition(ledger, release, pause, "a person")
    package(project, "v3")
    said.version = "v3"
    held = "canary and paused" if state == "canary" else "promoted"
    with pytest.raises(UnavailableError, match=rf"v3 has no slot: release 1 of v2 is {held} and"):
        put(project)
    assert (slot(project, "blue").version, slot(project, "green").version) == ("v1", "v2")
    over: Any = "done" if state == "promoted" else "rolled_back"
    release_changes.transition(ledger, release, Change(over, "test", "test"), "test")
    assert put(project).slot == ("blue" if state == "promoted" else "green")


def test_the_version_under_release_may_be_deployed_again(project: Project, said: Said) -> None:
    begun(project, said)
    assert (put(project).slot, put(project).version) == ("green", "v2")
