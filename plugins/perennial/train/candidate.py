"""Where a model's candidate is kept, and how one takes the place of another."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import full_disk, locks
from perennial.learn import version_files
from perennial.learn.version_files import VersionFiles

CANDIDATE, TRAINED = "candidate", "trained"


def candidate_folder(project: Project, model: str) -> Path:
    """The folder of the model's candidate. It may not exist; read it by `read_candidate`."""
    return project.var / "models" / model / CANDIDATE


def read_candidate(project: Project, model: str) -> VersionFiles:
    """The candidate's files, verified; UnavailableError when none was trained yet."""
    return _read(project, model, CANDIDATE)


def read_trained(project: Project, model: str) -> VersionFiles:
    """The files that training wrote last, verified: the candidate before it took another form."""
    return _read(project, model, TRAINED)


def replace_candidate(
    project: Project, model: str, answering: Mapping[str, bytes], beside: Mapping[str, bytes]
) -> str:
    """Make these files what was trained and the candidate; its digest.

    They are written aside and flushed first. Whatever moment the writer dies at, the next reader
    finds the old candidate whole or the new one whole; it does, too, when the disk is full, which
    raises `UnavailableError`.
    """
    with _settled(project, model) as home:
        _replace(home / TRAINED, answering, beside)
        return _replace(home / CANDIDATE, answering, beside)


def replace_form(
    project: Project, model: str, answering: Mapping[str, bytes], beside: Mapping[str, bytes]
) -> str:
    """Make these files the candidate, another form of what was trained, which stays; its digest."""
    with _settled(project, model) as home:
        return _replace(home / CANDIDATE, answering, beside)


def _read(project: Project, model: str, name: str) -> VersionFiles:
    with _settled(project, model) as home:
        folder = home / name
        if not folder.is_dir():
            raise UnavailableError(
                f"model {model} has no candidate in {project.shown(folder)}: run train first"
            )
        return version_files.read(folder)


@contextmanager
def _settled(project: Project, model: str) -> Iterator[Path]:
    """The folder of both, locked, after whatever a killed writer left has been put right.

    A folder cannot be renamed over another, so there is a moment without a candidate; the lock
    hides it from readers, and if the writer died in it, the old candidate is put back.
    """
    home = candidate_folder(project, model).parent
    with (
        full_disk.told(f"the candidate of {model}"),
        locks.exclusive(project.var / "locks", f"candidate-{model}"),
    ):
        home.mkdir(parents=True, exist_ok=True)
        for folder in (home / CANDIDATE, home / TRAINED):
            new, old = _aside(folder)
            if old.exists() and not folder.exists():
                os.rename(old, folder)
            for left in (old, new):
                if left.exists():
                    shutil.rmtree(left)
        yield home


def _replace(folder: Path, answering: Mapping[str, bytes], beside: Mapping[str, bytes]) -> str:
    new, old = _aside(folder)
    digest = version_files.write(new, answering, beside)
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    _flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)
    return digest


def _aside(folder: Path) -> tuple[Path, Path]:
    """Where the next version is written, and where the last one waits until it stands."""
    return folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
