"""The project's files as they were when a version was trained, without data and runs."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perennial.errors import UnavailableError

LIBRARY = Path("plugins") / "perennial"


@dataclass(frozen=True)
class Code:
    """Which code was put in place."""

    says: str
    difference: str | None
    """How it is not the recorded one, in words; None when it is."""
    library: Path
    """The folder that Python imports the library from."""


def put_code(root: Path, recorded: str, scratch: Path) -> Code:
    """Write the project's files into the new folder `scratch`.

    A commit gives exactly its files. Changes that were not committed are kept nowhere: what stands
    in the folder now is taken if it still builds on that commit, the commit alone otherwise.
    Raises UnavailableError when the repository has no such commit.
    """
    commit = recorded.removesuffix("-dirty")
    is_dirty, difference = commit != recorded, None
    if recorded == "unversioned":
        _copy(scratch, root, _files_below(root))
        says = "the files that are here now"
        difference = "no commit was recorded: the files that are here now were taken"
    elif is_dirty and _git(root, "rev-parse", "HEAD").decode().strip() == commit:
        _copy(scratch, root, _files_of_git(root))
        says = f"the files that are here now, which build on commit {commit}"
        difference = (
            f"it was trained with changes to {commit[:12]} that were not committed: the files that "
            "are here now were taken"
        )
    else:
        _extract(root, commit, scratch)
        says = f"commit {commit}"
        if is_dirty:
            difference = (
                f"it was trained with changes to {commit[:12]} that were not committed and are "
                "kept nowhere: the commit without them was taken"
            )
    if (scratch / LIBRARY / "__init__.py").is_file():
        return Code(says, difference, (scratch / LIBRARY).parent)
    installed = Path(__file__).parents[3]
    return Code(f"{says}; the library as it is installed", difference, installed)


def _extract(root: Path, commit: str, scratch: Path) -> None:
    if not re.fullmatch("[0-9a-f]{40,64}", commit):
        raise UnavailableError(f"the recorded code version {commit!r} is no commit of git")
    try:
        archive = _git(root, "archive", "--format=tar", commit)
    except UnavailableError as error:
        raise UnavailableError(
            f"the code of the version is not here: it was made by commit {commit}, which the "
            f"project's repository does not have or cannot read ({error}); fetch it (git fetch "
            "--all, git fetch --unshallow) and try again"
        ) from error
    scratch.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(scratch, filter="data")


def _git(root: Path, *arguments: str) -> bytes:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, check=True, timeout=300
        ).stdout
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode(errors="replace").strip() or f"exit code {error.returncode}"
        raise UnavailableError(told) from error
    except (OSError, subprocess.SubprocessError) as error:
        raise UnavailableError(f"git cannot be run: {error}") from error


def _files_of_git(root: Path) -> Iterator[Path]:
    """What git tracks, and what is new and not ignored."""
    told = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return (Path(name) for name in sorted(set(told.decode().split("\0"))) if name)


def _files_below(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root)
        folders[:] = [
            each for each in folders if not each.startswith(".") and not _is_run(here / each)
        ]
        yield from (here / name for name in names)


def _is_run(path: Path) -> bool:
    """Whether running writes it: data, and everything else below var."""
    return path.parts[:1] == ("var",) or path.parts[:2] == ("data", "lake")


def _copy(scratch: Path, root: Path, files: Iterator[Path]) -> None:
    scratch.mkdir(parents=True)
    for file in files:
        if (root / file).is_file() and not _is_run(file):
            (scratch / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / file, scratch / file)
