from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.errors import IntegrityError, UnavailableError
from perennial.train.candidate import (
    candidate_folder,
    read_candidate,
    read_trained,
    replace_candidate,
    replace_form,
)

OLD, NEW = {"model.txt": b"old"}, {"model.txt": b"new"}

KILLED = """
import os, signal, sys
from pathlib import Path
from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.train.candidate import replace_candidate

place, seen = int(sys.argv[2]), 0

def dies_at(call):
    def counted(*arguments, **options):
        global seen
        seen += 1
        if seen == place:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **options)
    return counted

for name in ("rename", "fsync", "mkdir"):
    setattr(os, name, dies_at(getattr(os, name)))
project = Project(Path(sys.argv[1]), Settings())
replace_candidate(project, "m", {"model.txt": b"new"}, {"training.json": b"{}"})
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, Settings())


def test_the_newer_candidate_is_read(project: Project) -> None:
    replace_candidate(project, "m", OLD, {})
    replace_candidate(project, "m", NEW, {})
    assert read_candidate(project, "m").files == NEW
    assert read_trained(project, "m").files == NEW
    assert folders(project) == ["candidate", "trained"]


def folders(project: Project) -> list[str]:
    return sorted(path.name for path in candidate_folder(project, "m").parent.iterdir())


def test_another_form_takes_the_candidate_s_place_and_what_was_trained_stays(
    project: Project,
) -> None:
    replace_candidate(project, "m", OLD, {})
    replace_form(project, "m", NEW, {})
    assert read_candidate(project, "m").files == NEW
    assert read_trained(project, "m").files == OLD
    assert folders(project) == ["candidate", "trained"]


def test_none_yet_says_what_to_do(project: Project) -> None:
    with pytest.raises(UnavailableError, match="run train first"):
        read_candidate(project, "m")


def test_tampered_candidate_is_refused(project: Project) -> None:
    replace_candidate(project, "m", OLD, {})
    (candidate_folder(project, "m") / "model.txt").write_bytes(b"odd")
    with pytest.raises(IntegrityError, match=r"model\.txt differs"):
        read_candidate(project, "m")


@pytest.mark.parametrize("place", range(1, 20))
def test_killed_at_any_step_leaves_one_candidate_whole(project: Project, place: int) -> None:
    replace_candidate(project, "m", OLD, {})
    script = [sys.executable, "-c", KILLED, str(project.root), str(place)]
    done = subprocess.run(script, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    found = read_candidate(project, "m").files["model.txt"]
    if done.returncode == -signal.SIGKILL:
        assert found in (b"old", b"new")
    else:
        assert (done.returncode, found) == (0, b"new")
    replace_candidate(project, "m", NEW, {})
    assert read_candidate(project, "m").files == NEW
