"""Where a model's candidate is kept, and how one takes the place of another."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import locks
from perennial.learn import version_files
from perennial.learn.version_files import VersionFiles


def candidate_folder(project: Project, model: str) -> Path:
    """The folder of the model's candidate. It may not exist; read it by `read_candidate`."""
    return project.var / "models" / model / "candidate"


def read_candidate(project: Project, model: str) -> VersionFiles:
    """The candidate's files, verified; UnavailableError when none was trained yet."""
    with _settled(project, model) as folder:
        if not folder.is_dir():
            raise UnavailableError(
                f"model {model} has no candidate in {project.shown(folder)}: run train first"
            )
        return version_files.read(folder)


def replace_candidate(
    project: Project, model: str, answering: Mapping[str, bytes], beside: Mapping[str, bytes]
) -> str:
    """Make these files the candidate; its digest.

    They are written aside and flushed first. Whatever moment the writer dies at, the next reader
    finds the old candidate whole or the new one whole.
    """
    with _settled(project, model) as folder:
        new = folder.with_name(".candidate.new")
        digest = version_files.write(new, answering, beside)
        old = folder.with_name(".candidate.old")
        if folder.exists():
            os.rename(folder, old)
        os.rename(new, folder)
        _flush(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
        return digest


@contextmanager
def _settled(project: Project, model: str) -> Iterator[Path]:
    """The candidate's folder, locked, after whatever a killed writer left has been put right.

    A folder cannot be renamed over another, so there is a moment without a candidate; the lock
    hides it from readers, and if the writer died in it, the old candidate is put back.
    """
    folder = candidate_folder(project, model)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locks.exclusive(project.var / "locks", f"candidate-{model}"):
        old = folder.with_name(".candidate.old")
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        for left in (old, folder.with_name(".candidate.new")):
            if left.exists():
                shutil.rmtree(left)
        yield folder


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
