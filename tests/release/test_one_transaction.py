"""Back is back everywhere: who judges, watches, learns and answers follows one and the same row."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.judge.champion import champion_folder
from perennial.keep import release_changes, releases
from perennial.keep.ledger import Ledger, bento_folder, serving
from perennial.keep.release_changes import Change
from perennial.release import mirroring, release, roll_back
from perennial.release.controller import Controller
from perennial.release.servers import Servers
from perennial.train import champion as learning
from perennial.watch import champion as watching

from .conftest import MODEL, NIGHT, put

pytestmark = pytest.mark.faults


class ReadError(Exception):
    """Stands for the reading of a version's files, whose folder it names."""


@pytest.fixture
def project(
    make_project: Callable[..., Project], champions: list[str], monkeypatch: pytest.MonkeyPatch
) -> Project:
    def read(folder: Path) -> Any:
        raise ReadError(folder)

    made = make_project(n_days=0, release={"kind": "blue_green"})
    Ledger.of(made).reserve(MODEL, 4100)
    put(made, "v1", "blue")
    release(MODEL, "2024-01-31", project=made)
    put(made, "v2", "green")
    monkeypatch.setattr(learning, "read", read)
    monkeypatch.setattr(watching, "read", read)
    monkeypatch.setattr(Servers, "answers", lambda _, slot: slot.version == "v2")
    monkeypatch.setattr(mirroring.Mirrors, "follow", lambda _, model: mirroring.mirror(made, model))
    return made


def all_follow(project: Project, version: str) -> None:
    """Route, baseline of judging, reference of drift and parent of learning are one version."""
    folder = bento_folder(project, MODEL, version) / "src" / "model"
    route = Ledger.of(project).live(MODEL)
    assert route is not None
    assert route.champion.version == version
    found = serving(project, MODEL)
    assert found is not None
    assert (found.version, found.version_folder) == (version, folder)
    assert champion_folder(project, MODEL) == folder
    with pytest.raises(ReadError, match=re.escape(str(folder))):
        watching.champion_of(project, MODEL)
    with pytest.raises(ReadError, match=re.escape(str(folder))):
        learning.read_champion(project, project.model(MODEL))


def test_after_a_rollback_everybody_goes_by_the_stable_version(
    project: Project, champions: list[str]
) -> None:
    all_follow(project, "v1")
    begun = release(MODEL, NIGHT, project=project)
    assert begun.state == "promoted", "blue-green: all at once, and armed"
    all_follow(project, "v2")
    assert champions[-1] == "ripeness v2"
    roll_back(MODEL, NIGHT, "no good", project=project)
    all_follow(project, "v1")
    assert champions[-1] == "ripeness v1"


def test_a_rollback_that_dies_in_the_middle_has_not_happened_at_all(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(MODEL, NIGHT, project=project)
    with monkeypatch.context() as patched:

        def dying(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(release_changes, "_put_on_record", dying)
        with pytest.raises(KeyboardInterrupt):
            roll_back(MODEL, NIGHT, "no good", project=project)
    all_follow(project, "v2")
    newest = releases.of_model(Ledger.of(project), MODEL)[0]
    assert newest.state == "promoted"


def test_a_registry_that_was_away_follows_what_answers_and_not_what_was_told_first(
    project: Project, champions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> int:
        raise ConnectionError("the registry is away")

    with monkeypatch.context() as patched:
        patched.setattr(mirroring, "set_champion", away)
        with pytest.raises(ConnectionError):
            release(MODEL, NIGHT, project=project)
        with pytest.raises(ConnectionError):
            roll_back(MODEL, NIGHT, "no good", project=project)
    all_follow(project, "v1")
    assert champions == ["ripeness v1"]
    Controller(project).tick()
    assert champions[-1] == "ripeness v1"
    assert not releases.not_mirrored(Ledger.of(project))


def test_the_next_candidate_starts_from_zero_with_the_same_stable_version(
    project: Project, make_project: Callable[..., Project]
) -> None:
    """As deploy does it: the candidate under way is dropped, its slot is taken."""
    from perennial.deploy.superseding import make_way

    project = make_project(n_days=0, release={"kind": "canary", "shadow": None, "steps": [0.5]})
    ledger = Ledger.of(project)
    first = release(MODEL, NIGHT, project=project)
    Controller(project).tick()
    assert releases.find(ledger, first.release_id).weight == 0.5
    assert make_way(ledger, MODEL, "v3", "2024-02-02") is None
    put(project, "v3", "green")
    second = release(MODEL, "2024-02-02", project=project)
    old, new = (releases.find(ledger, each.release_id) for each in (first, second))
    assert (old.state, old.weight) == ("rolled_back", 0)
    assert old.why == "superseded by v3, for the night of 2024-02-02"
    assert (new.state, new.step, new.weight) == ("pending", 0, 0)
    assert (new.stable_version, new.stable_slot) == ("v1", "blue")
    all_follow(project, "v1")


def test_the_server_of_a_new_champion_that_dies_gives_its_traffic_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when nobody asks, so that no failure could be counted."""
    from perennial.release import controller

    release(MODEL, NIGHT, project=project)
    now = [1000.0]
    monkeypatch.setattr(controller.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Servers, "answers", lambda _, slot: slot.version == "v1")
    ticking = Controller(project)
    for _ in range(10):
        ticking.tick()
        now[0] += 1.0
    assert releases.of_model(Ledger.of(project), MODEL)[0].state == "promoted"
    for _ in range(20):
        ticking.tick()
        now[0] += 1.0
    found = releases.of_model(Ledger.of(project), MODEL)[0]
    assert found.state == "rolling_back"
    assert "has not answered for" in found.why
    all_follow(project, "v1")


def test_an_older_ledger_is_given_the_columns_that_came_later(project: Project) -> None:
    ledger = Ledger.of(project)
    with ledger.engine.begin() as connection:
        for column in ("paused_at", "blind_since", "has_verdict"):
            connection.exec_driver_sql(f"ALTER TABLE releases DROP COLUMN {column}")
        connection.exec_driver_sql("ALTER TABLE release_record DROP COLUMN actor")
    ledger.engine.dispose()
    again = Ledger.of(project)
    (first,) = releases.of_model(again, MODEL)
    assert (first.paused_at, first.blind_since, first.has_verdict) == (None, None, False)
    assert releases.record(again, first.id)[0].actor == ""
    put(project, "v2", "green")
    begun = release(MODEL, NIGHT, project=project)
    kept = releases.find(again, begun.release_id)
    release_changes.transition(again, kept, Change("done", "done", "test"), "test")
