from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.errors import IntegrityError
from perennial.keep.ledger import bento_folder
from perennial.learn import version_files
from perennial.package.signature import sign_bento, signature_file, verify_bento


def make(project: Project, text: bytes) -> str:
    """A signed Bento with one small version; its name."""
    files = {"model.txt": text, "features.json": b"{}"}
    version = version_files.digest_of(files)[:12]
    folder = bento_folder(project, "m", version)
    version_files.write(folder / "src" / "model", files, {})
    (folder / "bento.yaml").write_text("service: x\n")
    sign_bento(project, "m", version)
    return version


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, Settings())


@pytest.fixture
def version(project: Project) -> str:
    return make(project, b"tree")


def test_what_was_signed_holds(project: Project, version: str) -> None:
    assert verify_bento(project, "m", version) == bento_folder(project, "m", version)


def test_key_is_made_once_and_is_nobody_elses(project: Project, version: str) -> None:
    secrets = project.var / "secrets"
    before = (secrets / "signing.pem").read_bytes()
    for name in ("signing.pem", "signing.pub.pem"):
        assert stat.S_IMODE((secrets / name).stat().st_mode) == 0o600
    make(project, b"another tree")
    assert (secrets / "signing.pem").read_bytes() == before
    verify_bento(project, "m", version)


@pytest.mark.parametrize("name", ["bento.yaml", "src/model/model.txt", "src/model/manifest.json"])
def test_one_changed_byte_breaks_it(project: Project, version: str, name: str) -> None:
    path = bento_folder(project, "m", version) / name
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(IntegrityError, match="does not hold"):
        verify_bento(project, "m", version)
    path.write_bytes(content[:-1])
    with pytest.raises(IntegrityError, match="does not hold"):
        verify_bento(project, "m", version)
    path.unlink()
    with pytest.raises(IntegrityError, match="does not hold"):
        verify_bento(project, "m", version)


@pytest.mark.parametrize("name", [".gitignore", "src/__pycache__/service.pyc", "src/model/more"])
def test_an_extra_file_breaks_it(project: Project, version: str, name: str) -> None:
    path = bento_folder(project, "m", version) / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    with pytest.raises(IntegrityError, match="does not hold"):
        verify_bento(project, "m", version)


def test_a_link_out_of_the_folder_breaks_it(project: Project, version: str) -> None:
    (bento_folder(project, "m", version) / "src" / "link").symlink_to("/etc/hostname")
    with pytest.raises(IntegrityError):
        verify_bento(project, "m", version)


def test_signature_of_another_version_does_not_hold(project: Project, version: str) -> None:
    other = make(project, b"another tree")
    shutil.copy(signature_file(project, "m", other), signature_file(project, "m", version))
    with pytest.raises(IntegrityError, match="does not hold"):
        verify_bento(project, "m", version)


@pytest.mark.faults
def test_a_signed_version_under_another_name_is_refused(project: Project, version: str) -> None:
    other = make(project, b"another tree")
    shutil.rmtree(bento_folder(project, "m", version))
    shutil.copytree(bento_folder(project, "m", other), bento_folder(project, "m", version))
    shutil.copy(signature_file(project, "m", other), signature_file(project, "m", version))
    with pytest.raises(IntegrityError):
        verify_bento(project, "m", version)


def test_another_key_is_not_ours(project: Project, version: str, tmp_path: Path) -> None:
    stranger = Project(tmp_path / "stranger", Settings())
    make(stranger, b"tree")
    shutil.copy(
        stranger.var / "secrets" / "signing.pub.pem", project.var / "secrets" / "signing.pub.pem"
    )
    with pytest.raises(IntegrityError):
        verify_bento(project, "m", version)


def test_unsigned_is_not_trusted(project: Project, version: str) -> None:
    signature_file(project, "m", version).unlink()
    with pytest.raises(IntegrityError, match="there is no signature"):
        verify_bento(project, "m", version)


def test_no_flipped_byte_of_the_signature_passes_for_another_content(
    project: Project, version: str
) -> None:
    path = signature_file(project, "m", version)
    content = path.read_bytes()
    (bento_folder(project, "m", version) / "bento.yaml").write_text("service: y\n")
    for place in range(0, len(content), 37):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(IntegrityError):
            verify_bento(project, "m", version)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(IntegrityError):
        verify_bento(project, "m", version)
