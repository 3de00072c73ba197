"""Digests of files, folders, code and environment."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from perennial.keep import fingerprints


def test_a_digest_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    expected = hashlib.sha256(b"abc" * 100_000).hexdigest()
    assert fingerprints.of_file(tmp_path / "a") == expected
    assert fingerprints.of_bytes(b"abc" * 100_000) == expected
    assert fingerprints.of_bytes(b"").startswith("e3b0c442")


def test_a_folder_changes_its_digest_with_every_name_and_byte(tmp_path: Path) -> None:
    def digest() -> str:
        return fingerprints.of_files(tmp_path, [p for p in tmp_path.rglob("*") if p.is_file()])

    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_text("1")
    (tmp_path / "deep/b").write_text("2")
    first = digest()
    assert fingerprints.of_files(tmp_path, [tmp_path / "deep/b", tmp_path / "a"]) == first
    (tmp_path / "a").rename(tmp_path / "c")
    renamed = digest()
    (tmp_path / "c").write_text("3")
    assert len({first, renamed, digest()}) == 3


def test_a_manifest_names_every_file_below(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/b").write_text("2")
    (tmp_path / "a").write_text("1")
    assert fingerprints.manifest(tmp_path) == {
        "a": fingerprints.of_bytes(b"1"),
        "deep/b": fingerprints.of_bytes(b"2"),
    }


def test_the_environment_has_one_digest() -> None:
    assert fingerprints.environment() == fingerprints.environment()
    assert len(fingerprints.environment()) == 64


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_code_version_is_the_commit_and_tells_of_changes(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    assert fingerprints.code_version(tmp_path / "nowhere") == "unversioned"
    git("init", "-q")
    assert fingerprints.code_version(tmp_path) == "unversioned"
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "one")
    commit = git("rev-parse", "HEAD")
    assert fingerprints.code_version(tmp_path) == commit
    (tmp_path / "a").write_text("2")
    assert fingerprints.code_version(tmp_path) == f"{commit}-dirty"
