"""Row 36 for packaging: a disk that is full at any step leaves what was packaged before."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.judge import Judged, judge
from perennial.keep import files
from perennial.keep.ledger import bento_folder
from perennial.learn import version_files
from perennial.package import package, packaged_version, verify_bento
from perennial.package.signature import signature_file
from perennial.train import train

from .conftest import WriteJudgement

pytestmark = pytest.mark.faults

AT = "2024-01-31"


@pytest.fixture
def second(blessed: Project, quick_build: list[str], judgement: WriteJudgement) -> str:
    """A candidate that follows one which is packaged; the version of the packaged one."""
    first = package("ripeness", AT, project=blessed).version
    train("ripeness", "2024-01-20", project=blessed)
    judged: Judged = judge("ripeness", AT, project=blessed)
    judgement(blessed, judged)
    assert judged.verdict == "blessed"
    assert judged.version != first
    return first


@pytest.mark.parametrize("step", ["assemble", "sign", "point"])
def test_a_full_disk_leaves_what_was_packaged_before(
    blessed: Project, second: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real = os.replace

    def full_beside(source: Any, target: Any) -> None:
        (full if Path(target).suffix == ".sig" else real)(source, target)

    owner, name, fails = {
        "assemble": (version_files, "_write_all", full),
        "sign": (os, "replace", full_beside),
        "point": (files, "replace_text", full),
    }[step]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fails)
        with pytest.raises(UnavailableError, match=r"could not be written: .*No space"):
            package("ripeness", AT, project=blessed)
    assert packaged_version(blessed, "ripeness") == second
    verify_bento(blessed, "ripeness", second)
    done = package("ripeness", AT, project=blessed)
    assert packaged_version(blessed, "ripeness") == done.version != second


@pytest.fixture
def small(blessed: Project) -> Iterator[Path]:
    """BentoML's home on a disk of its own, too small for a Bento."""
    home = blessed.var / "bentoml"
    home.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(home)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    yield home
    subprocess.run(["umount", "--lazy", str(home)], check=True)


@pytest.mark.slow
def test_a_bento_that_does_not_fit_is_not_packaged_and_is_built_anew_with_room(
    blessed: Project, small: Path
) -> None:
    with pytest.raises(UnavailableError, match="No space left on device"):
        package("ripeness", AT, project=blessed)
    with pytest.raises(UnavailableError, match="no version is packaged"):
        packaged_version(blessed, "ripeness")
    assert list(small.glob("signatures/*/*")) == []
    subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
    done = package("ripeness", AT, project=blessed)
    assert done.is_packaged
    pointer = json.loads((blessed.var / "models/ripeness/packaged.json").read_text())
    assert pointer == {"version": done.version}
    assert bento_folder(blessed, "ripeness", done.version).is_dir()
    assert signature_file(blessed, "ripeness", done.version).is_file()
    verify_bento(blessed, "ripeness", done.version)
