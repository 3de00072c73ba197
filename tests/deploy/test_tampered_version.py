"""Row 21: a version whose bytes are not those that were signed is refused, and people are told."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from perennial.cli import commands
from perennial.declare.project import Project
from perennial.deploy import deploy, deploying, slot_process, superseding, supervision
from perennial.errors import IntegrityError
from perennial.keep import distrust
from perennial.keep.ledger import Ledger, bento_folder
from perennial.keep.ledger_tables import audit
from perennial.learn import version_files
from perennial.package.signature import sign_bento, signature_file

from .conftest import MODEL, REFERENCE

pytestmark = pytest.mark.faults

NIGHT = "2024-02-01"
N_FLIPPED = 500


@pytest.fixture(autouse=True)
def _unsigned() -> None:
    """What is deployed here is signed."""


@pytest.fixture(autouse=True)
def _nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may parse, start or give way to what is refused."""

    def touched(*_: Any, **__: Any) -> Any:
        pytest.fail("it was touched")

    for owner, name in (
        (deploying, "_place"),
        (deploying, "read_reference"),
        (deploying, "temporary"),
        (supervision, "start_slot"),
        (superseding, "make_way"),
        (slot_process, "serve"),
    ):
        monkeypatch.setattr(owner, name, touched)


def make(project: Project, text: bytes) -> str:
    """A signed version that was packaged last; its name."""
    answering = {"model.txt": text, "features.json": b'{"features": []}'}
    version = version_files.digest_of(answering)[:12]
    source = bento_folder(project, MODEL, version) / "src"
    version_files.write(source / "model", answering, {"training.json": b"{}"})
    (source / "service.py").write_text("import bentoml\n")
    (source / "reference.json").write_text(json.dumps(REFERENCE))
    (source.parent / "bento.yaml").write_text("service: service:Predictor\n")
    sign_bento(project, MODEL, version)
    pointer = project.var / "models" / MODEL / "packaged.json"
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.write_text(json.dumps({"version": version}))
    return version


@pytest.fixture
def serving(project: Project) -> str:
    """The version that answers, from slot blue."""
    version = make(project, b"leaf_value=1\n")
    ledger = Ledger.of(project)
    ledger.reserve(MODEL, project.settings.slot_port)
    ledger.set_slot(MODEL, "blue", version, "proven")
    ledger.route(MODEL, "blue", version, "test", "test")
    return version


@pytest.fixture
def version(project: Project, serving: str) -> str:
    """The version that is to follow it."""
    return make(project, b"leaf_value=2\n" * 20)


def rows(project: Project, *actions: str) -> list[Any]:
    query = select(audit).where(audit.c.action.in_(actions)).order_by(audit.c.id)
    with Ledger.of(project).engine.connect() as connection:
        return list(connection.execute(query))


def status(project: Project, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PERENNIAL_PROJECT", str(project.root))
    done = CliRunner().invoke(commands, ["status"], catch_exceptions=False)
    return done.stdout


def must_be_refused(project: Project, serving: str) -> str:
    """Deploying fails and has changed nothing; the reason."""
    ledger = Ledger.of(project)
    before = ledger.slots(MODEL), ledger.history(MODEL)
    with pytest.raises(IntegrityError) as told:
        deploy(MODEL, NIGHT, project=project)
    assert (ledger.slots(MODEL), ledger.history(MODEL)) == before
    current = ledger.current(MODEL)
    assert current is not None
    assert (current[0].version, current[0].state) == (serving, "proven")
    return str(told.value)


def test_a_flipped_byte_anywhere_is_refused_before_anything_is_touched(
    project: Project, serving: str, version: str
) -> None:
    """500 bits, drawn over every file of the Bento (`test_signature.py` has the signature's)."""
    draw = random.Random(21)
    folder = bento_folder(project, MODEL, version)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sizes = [path.stat().st_size for path in files]
    for _ in range(N_FLIPPED):
        path = draw.choices(files, sizes)[0]
        whole = path.read_bytes()
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        with pytest.raises(IntegrityError):
            deploying.must_be_as_signed(project, Ledger.of(project), MODEL, version, "deploy")
        path.write_bytes(whole)
    must_hold = deploying.must_be_as_signed(project, Ledger.of(project), MODEL, version, "deploy")
    assert must_hold == folder


def cut(folder: Path, _: Path) -> None:
    path = folder / "src" / "model" / "model.txt"
    path.write_bytes(path.read_bytes()[:-1])


def gone(folder: Path, _: Path) -> None:
    (folder / "src" / "model" / "features.json").unlink()


def extra(folder: Path, _: Path) -> None:
    (folder / "src" / "sitecustomize.py").write_text("raise SystemExit\n")


def hidden(folder: Path, _: Path) -> None:
    (folder / "src" / ".git").mkdir()
    (folder / "src" / ".git" / "config").write_text("x")


def service(folder: Path, _: Path) -> None:
    (folder / "src" / "service.py").write_text("import os\n")


def unsigned(_: Path, signature: Path) -> None:
    signature.unlink()


def empty(_: Path, signature: Path) -> None:
    signature.write_bytes(b"")


def swapped(_: Path, signature: Path) -> None:
    others = [each for each in signature.parent.glob("*.sig") if each != signature]
    shutil.copy(others[0], signature)


Tamper = Callable[[Path, Path], None]
TAMPERED: list[Tamper] = [cut, gone, extra, hidden, service, unsigned, empty, swapped]


@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda each: each.__name__)
def test_what_was_tampered_with_is_refused_told_and_forgiven_when_it_holds_again(
    project: Project,
    serving: str,
    version: str,
    tamper: Tamper,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, signature = (
        bento_folder(project, MODEL, version),
        signature_file(project, MODEL, version),
    )
    shutil.copytree(folder, tmp_path / "whole")
    shutil.copy(signature, tmp_path / "whole.sig")
    assert "REFUSED" not in status(project, monkeypatch)
    tamper(folder, signature)
    why = must_be_refused(project, serving)
    for _ in range(3):  # a scheduler tries again
        assert must_be_refused(project, serving) == why
    (told,) = rows(project, distrust.REFUSED)
    assert (told.actor, told.subject) == ("deploy", f"{MODEL}/{version}")
    assert json.loads(told.detail)["why"] == why
    assert f"{MODEL}: REFUSED {version} (deploy, {told.at}): {why}" in status(project, monkeypatch)
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "whole", folder)
    shutil.copy(tmp_path / "whole.sig", signature)
    for _ in range(2):
        with pytest.raises(pytest.fail.Exception, match="it was touched"):
            deploy(MODEL, NIGHT, project=project)
    assert len(rows(project, distrust.HOLDS)) == 1
    assert "REFUSED" not in status(project, monkeypatch)


def test_a_slot_whose_version_was_tampered_with_afterwards_does_not_start_and_tells_once(
    project: Project, serving: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the supervisor starts it again and again; the route stays for a person to decide."""
    cut(bento_folder(project, MODEL, serving), Path())
    for _ in range(5):
        with pytest.raises(IntegrityError, match="does not hold"):
            slot_process.run_slot(project, MODEL, "blue")
    (told,) = rows(project, distrust.REFUSED)
    assert told.actor == "slot blue"
    assert f"{MODEL}: REFUSED {serving} (slot blue," in status(project, monkeypatch)


def test_a_version_that_was_put_away_is_told_no_more(
    project: Project, serving: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(bento_folder(project, MODEL, version), Path())
    must_be_refused(project, serving)
    shutil.rmtree(bento_folder(project, MODEL, version))
    assert "REFUSED" not in status(project, monkeypatch)
    assert len(rows(project, distrust.REFUSED)) == 1


def test_it_is_refused_also_when_that_cannot_be_put_on_record(
    project: Project, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(bento_folder(project, MODEL, version), Path())

    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("INSERT", {}, Exception("the ledger is away"))

    monkeypatch.setattr(distrust, "refuse", away)
    with pytest.raises(IntegrityError, match="does not hold") as told:
        deploy(MODEL, NIGHT, project=project)
    assert any("the ledger is away" in note for note in told.value.__notes__)
