"""The command `perennial replay`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.replay.test_replaying import END, FIELDS, START

from perennial.cli import commands
from perennial.declare.project import Project

Run = Callable[..., Result]


@pytest.fixture
def project(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make_project(n_days=40, **FIELDS)
    (made.root / "data").mkdir(exist_ok=True)
    (made.root / "data" / "__sources.yml").write_text("version: 2\nsources: []\n")
    monkeypatch.setenv("PERENNIAL_PROJECT", str(made.root))
    return made


def run(*arguments: str) -> Result:
    given = ["replay", "--model", "ripeness", "--from", START, "--to", END, *arguments]
    return CliRunner().invoke(commands, given)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--policies", "calendar:0"), "calendar needs a whole number from 1, got 0"),
        (("--set", "nothing"), "a change must be path.to.field=value"),
        (("--draws", "0"), "0 is not in the range"),
        (("--to", START), "at least two nights"),
        (("--write", "nowhere.md"), "nowhere.md"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_lived(
    project: Project, arguments: tuple[str, ...], told: str
) -> None:
    found = run(*arguments)
    assert found.exit_code == 2
    assert told in found.output
    assert not (project.var / "replay").exists()


def test_it_prints_keeps_and_writes_the_same_report(project: Project, tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("<!-- policies: begin -->\n<!-- policies: end -->\n")
    found = run("--policies", "never", "--write", str(document))
    assert found.exit_code == 0, found.output
    report = json.loads(found.output)
    folder = project.var / "reports" / "replay" / "ripeness" / f"{START}-{END}"
    assert json.loads((folder / "replay.json").read_text()) == report
    assert "What retraining would have been worth" in (folder / "index.html").read_text()
    text = document.read_text()
    assert "| never | 1 | 1 |" in text
    assert f"perennial replay --model ripeness --from {START} --to {END} --policies never\n" in text
