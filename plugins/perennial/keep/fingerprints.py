"""Digests: of files, of folders, of the code and of the environment."""

from __future__ import annotations

import hashlib
import subprocess
from importlib.metadata import distributions
from pathlib import Path


def of_bytes(content: bytes) -> str:
    """The SHA-256 of `content`, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_files(root: Path, files: list[Path]) -> str:
    """One digest over names (relative to `root`) and bytes; independent of the list's order."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(f"{path.relative_to(root).as_posix()}\0{of_file(path)}\n".encode())
    return total.hexdigest()


def manifest(folder: Path) -> dict[str, str]:
    """Per file below `folder` (relative name) its digest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): of_file(path) for path in files}


def environment() -> str:
    """One digest over the names and versions of all installed distributions."""
    names = sorted({f"{each.metadata['Name']}=={each.version}".lower() for each in distributions()})
    return of_bytes("\n".join(names).encode())


def code_version(root: Path) -> str:
    """The git commit of `root` (`-dirty` when tracked files differ), or `unversioned`."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return "unversioned"
    return f"{commit}-dirty" if _git(root, "status", "--porcelain", "-uno") else commit


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
