"""`perennial release` is still the stage, and has a person's commands below it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from perennial.cli import commands
from perennial.cli.releases_told import lines, listed
from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import releases
from perennial.keep.ledger import Ledger
from perennial.keep.release_steering import ACTIONS, story
from perennial.release import release
from perennial.stages import Stage

from .conftest import MODEL, NIGHT, put


@pytest.fixture
def project(
    make_project: Callable[..., Project], champions: list[str], monkeypatch: pytest.MonkeyPatch
) -> Project:
    made = make_project(n_days=0)
    Ledger.of(made).reserve(MODEL, 4100)
    put(made, "v1", "blue")
    release(MODEL, "2024-01-31", project=made)
    put(made, "v2", "green")
    release(MODEL, NIGHT, project=made)
    monkeypatch.setattr(Project, "find", lambda: made)
    return made


def call(*words: str) -> Result:
    return CliRunner().invoke(commands, ["release", *words])


def test_without_a_further_word_it_is_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[dict[str, Any]] = []

    def run(_: Stage, **arguments: Any) -> None:
        ran.append(arguments)
        raise SystemExit(0)

    monkeypatch.setattr(Stage, "run", run)
    call("--model", MODEL, "--at", NIGHT)
    assert ran == [{"model": MODEL, "at": NIGHT}]


def test_what_the_stage_needs_is_asked_for_also_after_a_command_below_it(project: Project) -> None:
    assert call("pause", "--model", MODEL, "--why", "a look").exit_code == 0
    refused = call("--model", MODEL)
    assert (refused.exit_code, "Missing option '--at'" in refused.output) == (2, True)


@pytest.mark.parametrize("action", ACTIONS)
def test_no_word_without_a_reason(project: Project, action: str) -> None:
    refused = call(action, "--model", MODEL)
    assert (refused.exit_code, "Missing option '--why'" in refused.output) == (2, True)


def test_a_word_is_done_and_told_in_the_users_name(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    done = json.loads(call("pause", "--model", MODEL, "--why", "a look", "--json").output)
    assert (done["is_paused"], done["by"]) == (True, "ann (command line)")
    done = json.loads(call("abort", "--model", MODEL, "--why", "no").output)
    assert (done["state"], done["serves"]) == ("rolled_back", "v1")
    shown = json.loads(call("show", "--model", MODEL).output)
    assert [each["action"] for each in shown["record"]] == [
        "begin",
        "pause",
        "abort",
        "rolled back",
    ]


def test_it_can_be_read_by_a_person(project: Project) -> None:
    call("pause", "--model", MODEL, "--why", "a look")
    told = lines(story(Ledger.of(project), MODEL))
    assert told[0].startswith("release 2 of v2 (canary): pending, weight 0, shadow 0, paused since")
    assert "returns to v1" in told[1]
    assert "(command line): a look" in told[-1]
    assert lines({"model": "m", "release": None, "record": []}) == ["m: no release yet"]


def test_an_earlier_release_is_shown_by_its_number(project: Project) -> None:
    newest = json.loads(call("show", "--model", MODEL).output)
    first = json.loads(call("show", "--model", MODEL, "--id", "1").output)
    assert (newest["release"]["id"], newest["release"]["version"]) == (2, "v2")
    assert (first["release"]["id"], first["release"]["version"]) == (1, "v1")
    assert [each["action"] for each in first["record"]] == ["begin"]
    assert (project.root / first["page"]).read_text().count("v1") > 0


def test_a_number_that_is_none_of_the_models_is_refused_with_where_to_look(
    project: Project,
) -> None:
    refused = call("show", "--model", MODEL, "--id", "3")
    assert isinstance(refused.exception, UnavailableError)
    assert str(refused.exception) == (
        "ripeness has no release 3; `perennial release list --model ripeness` tells which there are"
    )


def test_all_releases_are_listed_the_newest_first(project: Project) -> None:
    call("abort", "--model", MODEL, "--why", "odd answers")
    told = json.loads(call("list", "--model", MODEL).output)
    assert [(each["id"], each["version"], each["state"]) for each in told] == [
        (2, "v2", "rolled_back"),
        (1, "v1", "done"),
    ]
    newest = json.loads(call("list", "--model", MODEL, "--most", "1").output)
    assert [each["id"] for each in newest] == [2]
    known = releases.of_model(Ledger.of(project), MODEL)
    second, first = listed(MODEL, known)
    assert second.startswith("2  v2  canary      rolled_back   20")
    assert second.endswith("  odd answers")
    assert first.startswith("1  v1  first       done          20")
    assert listed("m", []) == ["m: no release yet"]
