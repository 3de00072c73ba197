"""Digests: of files, of folders, of the code and of the environment."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath
from typing import Any


def of_bytes(content: bytes) -> str:
    """The SHA-256 of `content`, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_files(root: Path, files: list[Path]) -> str:
    """One digest over names (relative to `root`) and bytes; independent of the list's order."""
    return of_digests({path.relative_to(root).as_posix(): of_file(path) for path in files})


def of_facts(facts: Mapping[str, Any]) -> str:
    """Twelve digits of SHA-256 over facts as JSON, whatever their order."""
    return of_bytes(json.dumps(facts, sort_keys=True).encode())[:12]


@cache
def of_engine(*packages: str) -> str:
    """The digest of the engine's own code in these packages."""
    root = Path(__file__).parents[1]
    return of_files(root, [path for name in packages for path in (root / name).rglob("*.py")])


def of_digests(digests: Mapping[str, str]) -> str:
    """The same out of each name's digest; independent of their order."""
    lines = [f"{name}\0{digests[name]}\n" for name in sorted(digests, key=PurePosixPath)]
    return of_bytes("".join(lines).encode())


def manifest(folder: Path) -> dict[str, str]:
    """Per file below `folder` (relative name) its digest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): of_file(path) for path in files}


def environment() -> str:
    """One digest over the names and versions of all installed distributions."""
    return of_bytes("\n".join(packages()).encode())


def packages() -> list[str]:
    """All installed distributions as `name==version`, sorted."""
    return sorted({f"{each.metadata['Name']}=={each.version}".lower() for each in distributions()})


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
