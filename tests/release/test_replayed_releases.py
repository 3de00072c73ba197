"""What was replaced or rolled back is not released again only because it is still on its slot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.deploy.superseding import make_way
from perennial.errors import IntegrityError
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.keep.replays import allow_again, must_not_be_a_replay
from perennial.release import release, steer
from perennial.release.controller import Controller

from .conftest import MODEL, NIGHT, package, put

pytestmark = pytest.mark.faults

LATER = "2024-02-02"


@pytest.fixture
def project(make_offered: Callable[[Any], Project]) -> Project:
    return make_offered({"kind": "canary", "shadow": None, "steps": [0.5], "armed_hours": 0})


def allow(project: Project, version: str) -> None:
    allow_again(Ledger.of(project), MODEL, version, "ada", "it was the network")


def test_a_version_that_was_rolled_back_is_refused_on_its_slot_until_it_is_allowed(
    project: Project,
) -> None:
    begun = release(MODEL, NIGHT, project=project)
    steer(MODEL, "abort", "odd answers", project=project)
    green = next(each for each in Ledger.of(project).slots(MODEL) if each.slot == "green")
    assert (green.version, green.state) == ("v2", "proven"), "it could answer at once"
    with pytest.raises(IntegrityError, match=r"v2 was rolled back at .* \(odd answers\).*allow-ag"):
        release(MODEL, LATER, project=project)
    assert release(MODEL, NIGHT, project=project).release_id == begun.release_id, "twice is once"
    assert len(releases.of_model(Ledger.of(project), MODEL)) == 2
    allow(project, "v2")
    again = release(MODEL, LATER, project=project)
    assert (again.state, again.version) == ("pending", "v2")
    assert again.release_id != begun.release_id


def test_an_allowance_is_for_one_more_try_only(project: Project) -> None:
    release(MODEL, NIGHT, project=project)
    steer(MODEL, "abort", "odd answers", project=project)
    allow(project, "v2")
    release(MODEL, LATER, project=project)
    steer(MODEL, "abort", "odd again", project=project)
    with pytest.raises(IntegrityError, match="odd again"):
        release(MODEL, "2024-02-03", project=project)


def test_a_version_that_was_superseded_is_refused(project: Project) -> None:
    release(MODEL, NIGHT, project=project)
    assert make_way(Ledger.of(project), MODEL, "v3", LATER) is None
    put(project, "v3", "green")
    package(project, "v2")
    with pytest.raises(IntegrityError, match="superseded by v3"):
        release(MODEL, LATER, project=project)
    with pytest.raises(IntegrityError, match="superseded by v3"):
        must_not_be_a_replay(Ledger.of(project), MODEL, "v2")


def test_a_version_that_was_replaced_is_refused_on_its_warm_slot(project: Project) -> None:
    ledger = Ledger.of(project)
    release(MODEL, NIGHT, project=project)
    steer(MODEL, "promote", "it is good", is_forced=True, project=project)
    Controller(project).tick()
    package(project, "v1")
    with pytest.raises(IntegrityError, match=r"v1 answered from .* was replaced by v2"):
        release(MODEL, LATER, project=project)
    current = ledger.current(MODEL)
    assert current is not None
    assert current[0].version == "v2"
