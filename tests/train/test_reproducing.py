"""Versions made again for real: by processes of their own, registered in an MLflow of their own."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.declare.project import Project
from perennial.errors import IntegrityError, UnavailableError
from perennial.keep.fingerprints import manifest
from perennial.learn.version_files import read
from perennial.train import train
from perennial.train.candidate import candidate_folder, read_candidate, replace_form
from perennial.train.registry import Registry
from perennial.train.reproducing import reproduce

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LEARN, UNTIL, AT = "2024-01-21", "2024-02-05", "2024-02-12"
UPDATE = {"days": 14, "max_rounds": 10, "older_days": 7, "max_forgetting": 0.5}
FEW = {"stopping": {"days": 4, "rounds": 5, "max_rounds": 10}}


def lived(make_project: Any, serve: Callable[[Project], str], **update: Any) -> Project:
    """A project whose champion has learned until LEARN, and 43 days."""
    project: Project = make_project(n_days=43, train={**FEW, "update": {**UPDATE, **update}})
    train("ripeness", LEARN, project=project)
    serve(project)
    return project


def real_files(project: Project) -> dict[str, str]:
    """All files of the project but its locks."""
    return {
        name: digest
        for name, digest in manifest(project.root).items()
        if not name.startswith("var/locks/")
    }


def test_a_version_comes_out_again_and_the_project_stays_as_it_is(make_project: Any) -> None:
    project = make_project(train=FEW)
    trained = train("ripeness", LEARN, project=project)
    before = real_files(project)
    report = reproduce("ripeness", "candidate", project=project)
    assert (report.outcome, report.recorded, report.rebuilt) == (
        "same", trained.digest, trained.digest,
    )  # fmt: skip
    assert report.is_same_environment
    assert all(each.difference in (0, None) for each in report.numbers)
    assert report.trained_by.endswith(f"--at {LEARN} --until {LEARN} --strategy full")
    assert "no commit was recorded" in report.differences[0]
    assert real_files(project) == before  # the scratch project is gone, too
    assert not (project.var / "reproduce").exists()

    for name in ("7", "nobody", trained.version[:11]):
        with pytest.raises(UnavailableError, match=rf"registered: 1 \({trained.version}, candidat"):
            reproduce("ripeness", name, project=project)
    _what_is_declared_now_is_told(project)
    _a_tampered_artifact_is_refused(project)


def _what_is_declared_now_is_told(project: Project) -> None:
    """Nothing is versioned here, so the present declaration trains: the gate can fail."""
    file = project.root / "models" / "ripeness.yaml"
    declared = file.read_text()
    content = yaml.safe_load(declared)
    content["train"]["parameters"] = {"num_leaves": 3, "learning_rate": 0.01}
    file.write_text(yaml.safe_dump(content))
    report = reproduce("ripeness", "1", project=project)
    assert report.outcome == "different"
    assert report.recorded != report.rebuilt
    assert "parameters.num_leaves was None and is 3" in report.differences
    loss = next(each for each in report.numbers if each.name == "validation_loss")
    assert not loss.is_within
    assert reproduce("ripeness", "1", tolerance=10.0, project=project).outcome == "close"
    file.write_text(declared)


def _a_tampered_artifact_is_refused(project: Project) -> None:
    [file] = (project.var / "mlflow" / "artifacts").rglob("model.txt")
    content = file.read_bytes()
    file.write_bytes(content.replace(b"tree", b"tref", 1))
    with pytest.raises(IntegrityError, match=r"model\.txt differs from its digest"):
        reproduce("ripeness", "1", project=project)
    shutil.rmtree(file.parent)
    with pytest.raises(UnavailableError):
        reproduce("ripeness", "1", project=project)
    assert not (project.var / "reproduce").exists()


@pytest.mark.parametrize("strategy", ["rehearsal", "recalibrate"])
def test_what_went_on_from_a_champion_comes_out_again(
    make_project: Any, serve: Any, strategy: str
) -> None:
    ways = {"ways": ["rehearsal"], "rehearsal": {"rows": 200}}
    declared = ways if strategy == "rehearsal" else {}
    project = lived(make_project, serve, **declared)
    trained = train("ripeness", AT, UNTIL, strategy, project=project)
    assert trained.parent
    train("ripeness", LEARN, project=project)  # the candidate is another one since
    report = reproduce("ripeness", trained.version, project=project)
    assert (report.outcome, report.parent) == ("same", trained.parent)
    assert (report.is_same_digest, report.is_same_state) == (True, True)
    if strategy == "rehearsal":
        folder = next((project.var / "mlflow" / "artifacts").rglob("state"))
        assert any(folder.iterdir())
    parent = Registry(project).find("ripeness", trained.parent)
    Registry(project).client.delete_model_version("ripeness", str(parent))
    with pytest.raises(UnavailableError, match=f"no registered version is '{trained.parent}'"):
        reproduce("ripeness", trained.version, project=project)


def test_the_commit_decides_and_another_form_leads_to_what_was_trained(make_project: Any) -> None:
    project = make_project(train=FEW)
    root = project.root
    (root / ".gitignore").write_text("/var\n/data/lake\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
                       cwd=root, check=True)  # fmt: skip
    trained = train("ripeness", "2024-01-25", window_days="15", project=project)
    (root / "models" / "ripeness.yaml").write_text("what is here now is not read: {")
    story = read_candidate(project, "ripeness").beside
    form = replace_form(project, "ripeness", {"compiled.bin": b"machine code"}, story)
    Registry(project).register_form("ripeness", form, trained.digest, {"variant": "compiled"})
    report = reproduce("ripeness", form, project=project)
    assert (report.outcome, report.recorded, report.form) == ("same", trained.digest, form)
    assert report.differences == ()
    assert report.code.startswith(f"commit {trained.lineage.code_version}")
    assert report.trained_by.endswith("--strategy window --window-days 15")
    assert report.data.endswith(f"{date(2024, 1, 10)} <= day < 2024-01-25")


HANGS = """
import signal, sys
from pathlib import Path
from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.train.reproducing import reproduce, training_again

training_again.PROGRAM = Path(sys.argv[2])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
reproduce("ripeness", "1", project=Project(Path(sys.argv[1]), Settings()))
"""
WAITS = """
import json, os, signal, sys
from perennial.train.reproducing.in_scratch import die_with
die_with(json.loads(sys.argv[1])["parent_process"])
print(os.getpid(), file=open(os.environ["TOLD"], "w"), flush=True)
signal.pause()
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_interrupted_it_leaves_no_process_and_can_be_repeated(
    make_project: Any, tmp_path_factory: Any, how: signal.Signals
) -> None:
    project = make_project(train=FEW)
    trained = train("ripeness", LEARN, project=project)
    aside: Path = tmp_path_factory.mktemp("aside")
    os.mkfifo(aside / "told")
    (aside / "waits.py").write_text(WAITS)
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS, str(project.root), str(aside / "waits.py")],
        env={**os.environ, "TOLD": str(aside / "told"), "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    child = int((aside / "told").read_text())  # waits until it trains
    ended = os.pidfd_open(child)
    process.send_signal(how)
    assert process.wait(60) == (143 if how == signal.SIGTERM else -how)
    assert select.select([ended], [], [], 60)[0], "its training goes on"
    os.close(ended)
    if how == signal.SIGTERM:
        assert not (project.var / "reproduce").exists()
    report = reproduce("ripeness", trained.version, project=project)
    assert report.outcome == "same"
    assert not (project.var / "reproduce").exists()


def test_the_command_tells_and_its_exit_code_is_the_outcome(make_project: Any) -> None:
    project = make_project(train=FEW)
    (project.root / "data" / "__sources.yml").write_text("version: 2\nsources: []\n")
    trained = train("ripeness", LEARN, project=project)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "perennial.cli", "reproduce", "ripeness", "1", *words],
            env={**os.environ, "PERENNIAL_PROJECT": str(project.root)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = run("--keep")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rebuilt"] == trained.digest
    made = project.var / "reproduce" / "ripeness" / trained.version / "project"
    kept = read(made / "var" / "models" / "ripeness" / "candidate")
    assert kept.digest == trained.digest == read(candidate_folder(project, "ripeness")).digest
    file = project.root / "models" / "ripeness.yaml"
    file.write_text(file.read_text().replace("max_rounds: 10", "max_rounds: 2"))
    done = run()
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (6, "different")
    assert "came out, not" in done.stderr
    assert run("--tolerance", "10").returncode == 1
