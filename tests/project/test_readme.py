"""The README cannot lie: its commands, its folders and its question are the project's own."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from perennial.cli import commands
from perennial.declare.project import Project
from perennial.serve.questions import QuestionParser

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [README, *(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))]
BLOCKS = [block for page in PAGES for block in re.findall(r"```console\n(.*?)```", page, re.S)]
INLINE = [span for page in PAGES for span in re.findall(r"`([^`\n]+)`", page)]
LINES = [line for block in BLOCKS for line in block.splitlines()] + INLINE
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))


def told(program: str) -> list[str]:
    found = sorted({line for line in LINES if line.startswith(f"{program} ")})
    assert found, f"no documented command starts with {program}"
    return found


@pytest.mark.parametrize("line", told("make"))
def test_documented_targets_exist(line: str) -> None:
    assert set(shlex.split(line, comments=True)[1:]) <= TARGETS


@pytest.mark.parametrize("line", told("perennial"))
def test_documented_commands_take_their_options(line: str) -> None:
    _, name, *rest = shlex.split(line, comments=True)
    rest = rest[: rest.index("--")] if "--" in rest else rest  # what follows is another program's
    command = commands.commands[name]
    while isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    known = {option for each in command.params for option in each.opts}
    assert {word for word in rest if word.startswith("--")} <= known | {"--help"}
    assert isinstance(command, click.Command)


@pytest.mark.parametrize("line", [line for line in told("dvc") if "-S" in line])
def test_documented_experiments_change_what_is_declared(line: str) -> None:
    words = shlex.split(line, comments=True)
    target, _, change = words[3], words[4], words[5]
    assert target in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    path, assignment = change.split(":")
    found = yaml.safe_load((ROOT / path).read_text())
    for name in assignment.split("=")[0].split("."):
        found = found[name]
    assert found is not None


def test_documented_question_is_one_that_the_model_takes() -> None:
    body = re.search(r"/predict -H 'Content-Type: application/json' -d '(\{.*?\})'", README, re.S)
    assert body is not None
    questions, is_batch = QuestionParser(Project(ROOT).model("flight_delay")).parse(
        body.group(1).encode()
    )
    assert not is_batch
    assert questions[0].known["carrier"] == json.loads(body.group(1))["carrier"]


def test_documented_folders_are_there() -> None:
    tree = re.search(r"## Where is what\?\n\n```\n(.*?)```", README, re.S)
    assert tree is not None
    made = {"var/"}
    for name in re.findall(r"^(\S+)  ", tree.group(1), re.M):
        assert name in made or (ROOT / name).exists(), name


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
