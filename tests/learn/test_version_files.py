from __future__ import annotations

import json
from pathlib import Path

import pytest

from perennial.errors import IntegrityError, UnavailableError
from perennial.learn import version_files
from perennial.learn.version_files import MANIFEST

ANSWERING = {"model.txt": b"tree\nsplit 1\n", "features.json": b'{"family": "lightgbm"}'}
BESIDE = {"training.json": b"{}"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    version_files.write(tmp_path / "v", ANSWERING, BESIDE)
    return tmp_path / "v"


def test_what_was_written_is_read(folder: Path) -> None:
    version = version_files.read(folder)
    assert version.files == {**ANSWERING, **BESIDE}
    assert version.digest == version_files.digest_of(ANSWERING)
    assert version.version == version.digest[:12]


def test_files_beside_do_not_change_the_version(tmp_path: Path) -> None:
    other = version_files.write(tmp_path / "w", ANSWERING, {"training.json": b"another"})
    assert other == version_files.digest_of(ANSWERING)


def test_no_file_both_answers_and_lies_beside(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"training.json cannot both answer and lie beside"):
        version_files.write(tmp_path / "w", {**ANSWERING, **BESIDE}, BESIDE)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("name", [*ANSWERING, *BESIDE, MANIFEST])
def test_every_flipped_byte_is_found(folder: Path, name: str) -> None:
    path = folder / name
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        if name == MANIFEST and _means_the_same(path.read_bytes(), content):
            continue  # a space that became another space, or a name that nothing reads
        with pytest.raises(IntegrityError):
            version_files.read(folder)


def _means_the_same(left: bytes, right: bytes) -> bool:
    try:
        return bool(json.loads(left) == json.loads(right))
    except ValueError:
        return False


@pytest.mark.parametrize("name", [*ANSWERING, *BESIDE, MANIFEST])
def test_truncated_file_is_refused(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(IntegrityError):
        version_files.read(folder)


@pytest.mark.parametrize("name", [*ANSWERING, *BESIDE, MANIFEST])
def test_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(IntegrityError, match=name):
        version_files.read(folder)


@pytest.mark.parametrize("name", ["extra.txt", "deep/extra.txt", ".hidden"])
def test_extra_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")
    with pytest.raises(IntegrityError, match=f"{name} is extra"):
        version_files.read(folder)


def test_manifest_that_was_rewritten_with_the_file_is_another_version(folder: Path) -> None:
    (folder / "model.txt").write_bytes(b"another tree")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"]["model.txt"] = version_files.of_bytes(b"another tree")
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(IntegrityError, match="another digest"):
        version_files.read(folder)


def test_bytes_are_those_that_were_verified_even_if_the_file_is_swapped(folder: Path) -> None:
    version = version_files.read(folder)
    (folder / "model.txt").write_bytes(b"swapped after the hash")
    assert version.files["model.txt"] == ANSWERING["model.txt"]


def test_no_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        version_files.read(tmp_path / "nothing")
