"""What a reproduction is made of: the code and the rows of then, and the comparison."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import fingerprints, partitions
from perennial.learn.version_files import VersionFiles
from perennial.train import train
from perennial.train.candidate import read_candidate
from perennial.train.lineage import Lineage
from perennial.train.reproducing import comparing
from perennial.train.reproducing.code_then import put_code
from perennial.train.reproducing.recorded import Recorded, recorded
from perennial.train.reproducing.rows_then import older_rows_differ, put_rows

AT = "2024-01-21"
# DVC asks its tries in a way that the library of tries wants to drop.
quiet_dvc = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")


def git(root: Path, *words: str) -> str:
    named = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *named, *words], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


# The code


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "models").mkdir(parents=True)
    (root / "models" / "m.yaml").write_text("first")
    (root / ".gitignore").write_text("/var\n/data/lake\n")
    (root / "var").mkdir()
    (root / "var" / "run").write_text("a run")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def test_a_commit_gives_its_own_files_whatever_is_here_now(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "models" / "m.yaml").write_text("second")
    git(repository, "commit", "-qam", "second")
    scratch = repository / "var" / "scratch"
    code = put_code(repository, commit, scratch)
    assert (scratch / "models" / "m.yaml").read_text() == "first"
    assert not (scratch / "var").exists()
    assert code.difference is None
    assert code.says == f"commit {commit}; the library as it is installed"
    assert (code.library / "perennial" / "errors.py").is_file()


def test_the_library_of_the_commit_is_used_where_it_has_one(repository: Path) -> None:
    (repository / "plugins" / "perennial").mkdir(parents=True)
    (repository / "plugins" / "perennial" / "__init__.py").write_text("")
    git(repository, "add", "plugins")
    git(repository, "commit", "-qm", "library")
    scratch = repository / "var" / "scratch"
    code = put_code(repository, git(repository, "rev-parse", "HEAD"), scratch)
    assert code.library == scratch / "plugins"


def test_uncommitted_changes_are_told(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "models" / "m.yaml").write_text("changed")
    code = put_code(repository, f"{commit}-dirty", repository / "var" / "a")
    assert (repository / "var" / "a" / "models" / "m.yaml").read_text() == "changed"
    assert not (repository / "var" / "a" / "var").exists()
    assert "not committed: the files that are here now were taken" in str(code.difference)
    git(repository, "commit", "-qam", "second")
    code = put_code(repository, f"{commit}-dirty", repository / "var" / "b")
    assert (repository / "var" / "b" / "models" / "m.yaml").read_text() == "first"
    assert "kept nowhere: the commit without them" in str(code.difference)


def test_without_a_commit_what_is_here_is_taken_and_told(repository: Path) -> None:
    shutil.rmtree(repository / ".git")
    (repository / "data" / "lake").mkdir(parents=True)
    (repository / "data" / "lake" / "rows").write_text("rows")
    code = put_code(repository, "unversioned", repository / "var" / "scratch")
    found = {
        path.relative_to(repository / "var" / "scratch").as_posix()
        for path in (repository / "var" / "scratch").rglob("*")
        if path.is_file()
    }
    assert found == {"models/m.yaml", ".gitignore"}
    assert "no commit was recorded" in str(code.difference)


@pytest.mark.parametrize("recorded", ["0" * 40, "--output=/tmp/x", "main"])
def test_a_commit_that_is_not_here_is_told(repository: Path, recorded: str) -> None:
    with pytest.raises(UnavailableError, match=r"not here: it was made|is no commit of git"):
        put_code(repository, recorded, repository / "var" / "scratch")
    assert not (repository / "var" / "scratch").exists()


# The rows


def trained(project: Project) -> Recorded:
    train("ripeness", AT, project=project)
    return recorded("ripeness", read_candidate(project, "ripeness"))


def change_a_day(project: Project) -> None:
    file = partitions.files_of(project.lake / "training" / "ripeness")[3]
    rows = pq.ParquetFile(file).read().slice(1)
    file.unlink()  # DVC's links to its cache must not be written through
    pq.write_table(rows, file)


def of_dvc(project: Project) -> str:
    """Put the training table into a new DVC repository and into dvc.lock; its hash."""
    from dvc.repo import Repo

    with Repo.init(str(project.root), no_scm=True) as repo:
        [stage] = repo.add(str(project.lake / "training" / "ripeness"))
        hashed = str(stage.outs[0].hash_info.value)
    (project.root / "dvc.lock").write_text(
        f"stages: {{features: {{outs: [{{path: data/lake/training/ripeness, md5: {hashed}}}]}}}}"
    )
    return hashed


def scratch_of(project: Project) -> Project:
    return Project(project.var / "scratch", project.settings)


@pytest.mark.usefixtures("no_registry")
def test_the_lakes_rows_are_taken_while_they_are_the_recorded_ones(make_project: Any) -> None:
    project = make_project()
    version, scratch = trained(project), scratch_of(project)
    rows = put_rows(project, version, scratch, with_present_rows=False)
    assert rows.difference is None
    days = partitions.days_of(scratch.lake / "training" / "ripeness")
    assert (str(days[0]), str(days[-1]), len(days)) == ("2024-01-01", "2024-01-20", 20)


@pytest.mark.usefixtures("no_registry")
def test_lost_rows_are_told_unless_the_present_ones_are_allowed(make_project: Any) -> None:
    project = make_project()
    version, scratch = trained(project), scratch_of(project)
    change_a_day(project)
    with pytest.raises(UnavailableError, match=r"from it; dvc\.lock did not name"):
        put_rows(project, version, scratch, with_present_rows=False)
    rows = put_rows(project, version, scratch, with_present_rows=True)
    assert "bytes differ from the recorded ones" in str(rows.difference)
    shutil.rmtree(project.lake)
    with pytest.raises(UnavailableError, match="has no day of 2024-01-01 <= day < 2024-01-21"):
        put_rows(project, version, scratch, with_present_rows=True)


@quiet_dvc
@pytest.mark.usefixtures("no_registry")
def test_changed_rows_come_out_of_dvc(make_project: Any, tmp_path: Path) -> None:
    from dvc.repo import Repo

    project = make_project()
    hashed = of_dvc(project)
    version, scratch = trained(project), scratch_of(project)
    assert version.lineage.dvc_hash == hashed
    change_a_day(project)
    rows = put_rows(project, version, scratch, with_present_rows=False)
    assert (rows.says.split(",")[0], rows.difference) == (f"DVC's {hashed}", None)
    with Repo(str(project.root)) as repo, repo.config.edit() as config:
        config["remote"] = {"far": {"url": str(tmp_path / "far")}}
        config["core"]["remote"] = "far"
    with Repo(str(project.root)) as repo:
        repo.push()
    cache = project.root / ".dvc" / "cache"
    shutil.rmtree(cache)
    assert put_rows(project, version, scratch, with_present_rows=False) == rows
    assert len(list(cache.rglob("*"))) > 20  # fetched
    shutil.rmtree(cache)
    shutil.rmtree(tmp_path / "far")
    with pytest.raises(UnavailableError, match=f"DVC.* {hashed}"):
        put_rows(project, version, scratch, with_present_rows=False)


@quiet_dvc
@pytest.mark.usefixtures("no_registry")
def test_dvc_rows_that_were_not_learned_from_are_refused(make_project: Any) -> None:
    project = make_project()
    version = trained(project)
    change_a_day(project)
    hashed = of_dvc(project)  # only the changed table was ever kept
    lineage = version.lineage.model_copy(update={"dvc_hash": hashed})
    version = Recorded(**{**vars(version), "lineage": lineage})
    with pytest.raises(UnavailableError, match="was not what it learned from"):
        put_rows(project, version, scratch_of(project), with_present_rows=False)


@pytest.mark.usefixtures("no_registry")
def test_rows_of_an_update_are_found_and_older_days_proven_by_the_parent(
    make_project: Any, serve: Any
) -> None:
    project = make_project(n_days=43)
    parent = trained(project)
    serve(project)
    train("ripeness", "2024-02-12", "2024-02-05", "extend", project=project)
    version = recorded("ripeness", read_candidate(project, "ripeness"))
    assert version.parent == ("ripeness", parent.files.version)
    scratch = scratch_of(project)
    assert put_rows(project, version, scratch, with_present_rows=False).difference is None
    assert older_rows_differ(scratch, version, parent) is None
    change_a_day(project)  # a day before those that the update learned from
    assert put_rows(project, version, scratch, with_present_rows=False).difference is None
    assert "not proven" in str(older_rows_differ(scratch, version, parent))


# What is asked, and the comparison


def told(**story: Any) -> Recorded:
    story = {
        "at": "2024-01-21", "window_start": "2024-01-01", "window_end": "2024-01-20",
        "lineage": {"data_hash": "d", "dvc_hash": None, "code_version": "c", "environment": "e"},
        **story,
    }  # fmt: skip
    files = {"training.json": json.dumps(story).encode()}
    return recorded("m", VersionFiles("a" * 64, files, b"{}"))


@pytest.mark.parametrize(
    ("story", "command"),
    [
        ({"way": "full"}, "--strategy full"),
        ({"way": "window", "window_days": 9}, "--strategy window --window-days 9"),
        ({"way": "extend", "tried": [{"way": "extend"}]}, "--strategy extend"),
        ({"way": "extend", "tried": [{"way": "extend"}, {"way": "refit"}]}, "--strategy stateful"),
        ({"strategy": "stateless"}, "--strategy stateless"),
        ({}, ""),
    ],
)
def test_the_training_is_asked_for_as_it_was(story: dict[str, Any], command: str) -> None:
    asked = f"perennial train --model m --at 2024-01-21 --until 2024-01-20 {command}"
    assert told(**story).command == asked.strip()


def test_a_parent_may_be_of_another_model() -> None:
    assert told(parent="abc").parent == ("m", "abc")
    assert told(parent="other:abc").parent == ("other", "abc")
    assert told().parent is None


@pytest.mark.parametrize("story", [{"lineage": {}}, {"window_end": "soon"}, {"lineage": None}])
def test_a_version_that_does_not_tell_how_it_was_made_is_refused(story: dict[str, Any]) -> None:
    with pytest.raises(UnavailableError, match="does not tell how it was made"):
        told(**story)


def test_what_was_learned_from_has_to_be_equal_and_metrics_close() -> None:
    was = {"n_rows": 10, "mean_label": 0.5, "n_rounds": 9, "validation_loss": 0.5,
           "tried": [{"way": "extend", "held_out": 0.7, "champion": 0.6}]}  # fmt: skip
    now = {**was, "n_rounds": 20, "validation_loss": 0.5005,
           "tried": [{"way": "extend", "held_out": 0.8, "champion": 0.6}]}  # fmt: skip
    found = {each.name: each for each in comparing.numbers(was, now, 0.001)}
    assert found["validation_loss"].is_within
    assert found["validation_loss"].difference == pytest.approx(0.0005)
    assert found["n_rounds"].is_within
    assert not found["extend: held_out"].is_within
    assert all(each.is_within for each in comparing.numbers(was, now, 0.2))
    fewer = comparing.numbers(was, {**was, "n_rows": 9}, 10.0)
    assert [each.name for each in fewer if not each.is_within] == ["n_rows"]
    gone = comparing.numbers(was, {**was, "tried": []}, 10.0)
    assert [each.name for each in gone if not each.is_within] == [
        "extend: held_out", "extend: champion",
    ]  # fmt: skip


def test_other_seeds_parameters_and_packages_are_told() -> None:
    was, now = told(seed=7, parameters={"a": 1}), told(seed=8, parameters={"a": 2, "b": 3})
    assert list(comparing.differences(was, now)) == [
        "seed was 7 and is 8", "parameters.a was 1 and is 2", "parameters.b was None and is 3",
    ]  # fmt: skip
    lineage = Lineage(data_hash="d", dvc_hash=None, code_version="c", environment="other")
    other = Recorded(**{**vars(was), "lineage": lineage})
    assert "which packages was not recorded" in next(comparing.differences(was, other))
    one, two = (
        VersionFiles("a" * 64, {"packages.txt": text}, b"{}")
        for text in (b"a==1\nb==1\n", b"a==2\nb==1\nc==3\n")
    )
    assert comparing.packages(one, two) == ("- a==1", "+ a==2", "+ c==3")


@pytest.mark.usefixtures("no_registry")
def test_a_version_keeps_the_packages_that_its_environment_is_the_digest_of(
    make_project: Any,
) -> None:
    version = trained(make_project())
    packages = version.files.files["packages.txt"].decode().removesuffix("\n")
    assert fingerprints.of_bytes(packages.encode()) == version.lineage.environment
    assert any(line.startswith("lightgbm==") for line in packages.splitlines())
