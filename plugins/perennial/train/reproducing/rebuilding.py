"""A registered version made again from its lineage, and the report of how alike the two are."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perennial.declare.project import Project
from perennial.keep import locks
from perennial.keep.progress import progress
from perennial.learn.version_files import VersionFiles
from perennial.train.reproducing import comparing
from perennial.train.reproducing.code_then import Code, put_code
from perennial.train.reproducing.recorded import Recorded, recorded
from perennial.train.reproducing.registered import Registered, fetch, find, open_registry
from perennial.train.reproducing.reproduced import Outcome, Reproduced
from perennial.train.reproducing.rows_then import Rows, older_rows_differ, put_rows
from perennial.train.reproducing.training_again import train_again

if TYPE_CHECKING:
    from perennial.train.registry import Registry

TOLERANCE = 0.001


@dataclass(frozen=True)
class _Put:
    """What was put in place for the training, and what of it is not as it was then."""

    code: Code
    rows: Rows
    notes: tuple[str, ...]
    parents: dict[tuple[str, str], Path]


def reproduce(
    model: str,
    version: str,
    *,
    tolerance: float = TOLERANCE,
    with_present_rows: bool = False,
    keep: bool = False,
    project: Project | None = None,
) -> Reproduced:
    """Make a registered version again with the code, rows, parameters and parent it was made from.

    `version` is its number in the registry, an alias, its name (twelve digits) or its digest.
    Another form of a version (`optimize`) is built for one machine: what it was made from is made
    again. `tolerance` is how far a metric may lie from the recorded one, times that where it is
    above 1. With `with_present_rows` the lake's rows are taken where the recorded bytes are lost.

    Reads the registry, the repository, the lake and DVC. Everything happens in a project of its
    own below `var/reproduce/<model>`, by a process of its own, with a ledger and a registry of its
    own; it is removed in the end, unless `keep`. One that was killed is begun anew.

    Raises UnavailableError for what is not there any more (version, code, rows, parent) or cannot
    be trained, IntegrityError when a registered file is not the one that was registered.
    """
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(f"tolerance must be a number from 0, got {tolerance!r}")
    project = project or Project.find()
    registry = open_registry(project)
    asked = find(registry, model, version)
    origin = find(registry, model, asked.trained) if asked.trained else asked
    with (
        _scratch_folder(project, origin, keep=keep) as home,
        progress(f"reproduce {model} {origin.version}"),
    ):
        was = recorded(model, fetch(registry, origin, home / "recorded"))
        put = _put(project, registry, was, home, with_present_rows=with_present_rows)
        files = train_again(was, home / "project", put.code.library, put.parents)
        return _report(was, recorded(model, files), put, asked, origin, tolerance)


def _put(
    project: Project, registry: Registry, was: Recorded, home: Path, *, with_present_rows: bool
) -> _Put:
    scratch = Project(home / "project")
    code = put_code(project.root, was.lineage.code_version, scratch.root)
    rows = put_rows(project, was, scratch, with_present_rows=with_present_rows)
    notes = [each for each in (code.difference, rows.difference) if each]
    if was.parent is None:
        return _Put(code, rows, tuple(notes), {})
    name, version = was.parent
    folder = home / "parent"
    parent = fetch(registry, find(registry, name, version), folder)
    if name == was.model:
        unproven = older_rows_differ(scratch, was, recorded(name, parent))
        notes += [unproven] if unproven else []
    return _Put(code, rows, tuple(notes), {was.parent: folder / "model"})


def _report(
    was: Recorded, now: Recorded, put: _Put, asked: Registered, origin: Registered, tolerance: float
) -> Reproduced:
    numbers = comparing.numbers(was.story, now.story, tolerance)
    is_same = was.files.digest == now.files.digest
    is_same_state = comparing.is_same_state(was.files, now.files)
    is_close = all(each.is_within for each in numbers)
    outcome: Outcome = "same" if is_same and is_same_state else "close" if is_close else "different"
    differences = (*put.notes, *comparing.differences(was, now))
    return Reproduced(
        model=was.model,
        version=origin.version,
        registered_as=origin.number,
        outcome=outcome,
        says=_says(was.files, now.files, outcome, differences, is_same=is_same),
        recorded=was.files.digest,
        rebuilt=now.files.digest,
        is_same_digest=is_same,
        is_same_state=is_same_state,
        form=asked.digest if asked != origin else None,
        trained_by=was.command,
        code=put.code.says,
        data=put.rows.says,
        parent=was.story.get("parent"),
        is_same_environment=was.lineage.environment == now.lineage.environment,
        packages=comparing.packages(was.files, now.files),
        differences=differences,
        tolerance=tolerance,
        numbers=numbers,
    )


def _says(
    was: VersionFiles,
    now: VersionFiles,
    outcome: Outcome,
    differences: tuple[str, ...],
    *,
    is_same: bool,
) -> str:
    if outcome == "same":
        return f"{was.version} came out again, byte by byte"
    what = (
        "the same answers came out, but another state to go on from"
        if is_same
        else f"{now.version} came out, not {was.version}"
    )
    how = "every number within the tolerance" if outcome == "close" else "with other numbers"
    why = (
        "; not all was as it was then"
        if differences
        else ", although code, rows, parameters and environment are the recorded ones"
    )
    return f"{what}, {how}{why}"


@contextmanager
def _scratch_folder(project: Project, version: Registered, *, keep: bool) -> Iterator[Path]:
    """A new folder for this version alone; what a killed process left there goes first."""
    home = project.var / "reproduce" / version.model / version.version
    name = f"reproduce-{version.model}-{version.version}"
    with locks.exclusive(project.var / "locks", name, wait_seconds=5):
        _remove(home)
        home.mkdir(parents=True)
        try:
            yield home
        finally:
            if not keep:
                _remove(home)
                for folder in (home.parent, home.parent.parent):
                    with suppress(OSError):  # another version is being made there
                        folder.rmdir()


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
