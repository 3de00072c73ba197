"""The commands for API keys: a secret is shown once, and every change is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from perennial.cli import commands
from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import api_keys
from perennial.keep.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__sources.yml").write_text("sources: []")
    monkeypatch.setenv("PERENNIAL_PROJECT", str(tmp_path))
    monkeypatch.delenv("PERENNIAL_LEDGER_URL", raising=False)
    return Ledger.of(Project.find())


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(commands, ["keys", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_key_is_made_listed_rotated_and_revoked(ledger: Ledger) -> None:
    made = run("create", "--name", "till", "--scope", "predict", "--scope", "feedback")
    told, token = made.stdout.splitlines()
    assert "may feedback, predict until" in told
    assert "shown once" in made.stderr
    key_id, secret = token.split(".")
    listed = run("list").stdout
    assert key_id in listed
    assert secret not in listed
    assert "used never" in listed
    (again,) = run("rotate", key_id, "--overlap-hours", "0").stdout.splitlines()
    assert again.startswith(f"{key_id}.")
    assert again != token
    assert "is revoked since" in run("revoke", key_id, "--why", "over").stdout
    assert "revoked" in run("list").stdout
    assert api_keys.find(ledger, key_id).revoked_at is not None


def test_a_wrong_scope_and_an_unknown_key_are_told(ledger: Ledger) -> None:
    done = run("create", "--name", "x", "--scope", "root")
    assert done.exit_code == 2
    assert "'root' is not one of 'predict', 'feedback', 'metrics', 'admin'" in done.stderr
    with pytest.raises(UnavailableError, match="no key 'nobody'"):
        run("revoke", "nobody", "--why", "x")
    assert api_keys.all_keys(ledger) == []
