"""Row 21 with real processes: a tampered new version is refused, and the champion goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import update

from perennial.declare.project import Project
from perennial.deploy import deploy
from perennial.deploy.slot_process import environment
from perennial.errors import IntegrityError
from perennial.keep import distrust
from perennial.keep.ledger import Ledger, bento_folder
from perennial.keep.ledger_tables import slots
from perennial.package.bento import build
from perennial.package.signature import sign_bento, signature_file

from . import test_servers
from .conftest import MODEL, write_version
from .steady_load import asking
from .test_servers import BENTOFILES, Servers, free_port

pytestmark = [pytest.mark.faults, pytest.mark.serving, pytest.mark.timeout(300)]

Tamper = Callable[[Project, Path, Path], None]
NIGHT = "2024-05-03"
servers = test_servers.servers


@pytest.fixture(scope="module")
def version(servers: Servers) -> str:
    """A second fitted model, as it is packaged: built by BentoML, signed, and named the newest."""
    project = servers.project
    folder = project.var / "build" / "challenger"
    shutil.copytree(BENTOFILES / "predictor", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("MODEL_CARD.md", "judged.json"):
        (folder / name).write_text("{}")
    made = write_version(folder, seed=4)
    build(project, MODEL, made, folder)
    sign_bento(project, MODEL, made)
    pointer = project.var / "models" / MODEL / "packaged.json"
    pointer.parent.mkdir(parents=True)
    pointer.write_text(json.dumps({"version": made}))
    ledger = Ledger.of(project)
    with ledger.engine.begin() as connection:
        there = slots.c.slot == "green"
        connection.execute(update(slots).where(there).values(port=free_port()))
    return made


def perennial(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "perennial.cli", *arguments],
        env=environment(project), cwd=project.root, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def flip(_: Project, bento: Path, __: Path) -> None:
    """One bit of the model's text."""
    path = bento / "src" / "model" / "model.txt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(_: Project, bento: Path, __: Path) -> None:
    path = bento / "src" / "model" / "model.txt"
    path.write_bytes(path.read_bytes()[:-1])


def add(_: Project, bento: Path, __: Path) -> None:
    """A file that would be imported in the place of the installed library, and tell of it."""
    marker = f"import pathlib; pathlib.Path({str(bento.parent / 'ran')!r}).write_text('x')\n"
    (bento / "src" / "bentoml.py").write_text(marker)


def swap(project: Project, bento: Path, signature: Path) -> None:
    """A whole signature by this very project, of another content."""
    other = bento.with_name("ffffffffffff")
    shutil.copytree(bento, other)
    (other / "more").write_text("x")
    sign_bento(project, MODEL, other.name)
    shutil.copy(signature_file(project, MODEL, other.name), signature)
    shutil.rmtree(other)


@contextmanager
def tampered(servers: Servers, version: str, tamper: Tamper, aside: Path) -> Iterator[None]:
    """The version is not what was signed, while the champion is asked; made whole afterwards."""
    project = servers.project
    bento = bento_folder(project, MODEL, version)
    signature = signature_file(project, MODEL, version)
    shutil.copytree(bento, aside / "whole")
    shutil.copy(signature, aside / "whole.sig")
    with asking(servers.gateway, 2) as told:
        told.until_answered(20)
        tamper(project, bento, signature)
        yield
        told.until_answered(20)
    assert (told.wrong, told.refused) == ([], [])
    assert {entry.content["version"] for entry in servers.journaled()} == {servers.version}
    shutil.rmtree(bento)
    shutil.copytree(aside / "whole", bento)
    shutil.copy(aside / "whole.sig", signature)


@pytest.mark.parametrize("tamper", [flip, truncate, add, swap], ids=lambda each: each.__name__)
def test_a_tampered_new_version_is_refused_and_the_champion_answers_all_along(
    servers: Servers, version: str, tamper: Tamper, tmp_path: Path
) -> None:
    ledger = Ledger.of(servers.project)
    before = ledger.slots(MODEL)
    with tampered(servers, version, tamper, tmp_path):
        with pytest.raises(IntegrityError) as refused:
            deploy(MODEL, NIGHT, project=servers.project)
        assert ledger.slots(MODEL) == before
        (alert,) = distrust.distrusted(servers.project, ledger, MODEL)
        assert (alert.version, alert.by, alert.why) == (version, "deploy", str(refused.value))


def test_a_server_that_is_started_all_the_same_ends_before_anything_of_it_runs(
    servers: Servers, version: str, tmp_path: Path
) -> None:
    project, ledger = servers.project, Ledger.of(servers.project)
    with tampered(servers, version, add, tmp_path):
        ledger.set_slot(MODEL, "green", version, "assigned", "past the gate")
        done = perennial(project, "slot", "--model", MODEL, "--slot", "green")
        assert done.returncode == IntegrityError.exit_code, done.stderr
        assert version in done.stderr
        assert not (bento_folder(project, MODEL, version).parent / "ran").exists()
        said = perennial(project, "status").stdout
        assert f"{MODEL}: REFUSED {version} (" in said
        assert "bentoml.py" in said
    ledger.set_slot(MODEL, "green", None, "empty")


def test_the_same_version_untouched_is_proven_on_its_slot(servers: Servers, version: str) -> None:
    """What was refused above was refused for its bytes and nothing else."""
    deployed = deploy(MODEL, NIGHT, project=servers.project)
    assert (deployed.slot, deployed.version, deployed.is_proven) == ("green", version, True)
    assert distrust.distrusted(servers.project, Ledger.of(servers.project), MODEL) == []
