"""The training rows that a version learned from, put into the scratch project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import fingerprints, partitions
from perennial.train.reproducing.dvc_table import days_out_of_dvc
from perennial.train.reproducing.recorded import Recorded


@dataclass(frozen=True)
class Rows:
    """Where the rows came from."""

    says: str
    difference: str | None
    """How they are not the recorded ones, in words; None when every byte is."""


def put_rows(
    project: Project, version: Recorded, scratch: Project, *, with_present_rows: bool
) -> Rows:
    """Put the partitions of the version's window in place: the lake's, else those that DVC keeps.

    Only bytes with the recorded `data_hash` are taken, unless `with_present_rows`: then the lake's
    are, if nothing else is found. They are linked, not copied, where the disk allows it. Raises
    UnavailableError that says where they were looked for.
    """
    table, ours = _table(project, version.model), _table(scratch, version.model)
    looked = []
    present = partitions.files_of(table, *version.window)
    _replace(ours, present)
    if _is_recorded(ours, version):
        return Rows(f"the lake's partitions of {_days(version)}", None)
    looked.append(
        f"the lake's partitions of {_days(version)} ({project.shown(table)}) differ from it"
        if present
        else f"{project.shown(table)} has no day of {_days(version)}"
    )
    named = version.lineage.dvc_hash
    if named is None:
        looked.append("dvc.lock did not name the table then")
    else:
        try:
            _restore(project, version, ours, named)
        except UnavailableError as error:
            looked.append(str(error))
        else:
            if _is_recorded(ours, version):
                return Rows(f"DVC's {named}, {_days(version)}", None)
            looked.append(f"DVC's {named}, which dvc.lock named then, was not what it learned from")
    if not with_present_rows or not present:
        raise UnavailableError(
            f"model {version.model}: the rows that {version.files.version} learned from are not "
            f"here (data_hash {version.lineage.data_hash}): {'; '.join(looked)}. Restore them "
            "(dvc fetch from a remote that has them, or the partitions themselves), or try with "
            "--with-present-rows: labels that became known since do not matter to it"
        )
    _replace(ours, present)
    return Rows(
        f"the lake's present partitions of {_days(version)}",
        f"the rows' bytes differ from the recorded ones: {'; '.join(looked)}",
    )


def older_rows_differ(scratch: Project, version: Recorded, parent: Recorded) -> str | None:
    """What cannot be said of the days before those learned from, on which forgetting is measured.

    None when they are the very bytes that the parent learned from.
    """
    if version.window[0] >= version.learned_from:
        return None
    if _is_recorded(_table(scratch, version.model), parent):
        return None
    return (
        f"the days before {version.learned_from}, on which only forgetting is measured, are not "
        f"proven to be what its parent {parent.files.version} learned from"
    )


def _table(project: Project, model: str) -> Path:
    return project.lake / "training" / model


def _days(version: Recorded) -> str:
    return f"{version.window[0]} <= day < {version.window[1]}"


def _restore(project: Project, version: Recorded, table: Path, named: str) -> None:
    start, end = version.window
    found = days_out_of_dvc(project.root, named, lambda day: start <= day < end)
    _clear(table)
    for day, file in found.items():
        _link(file, partitions.partition(table, day))


def _is_recorded(table: Path, version: Recorded) -> bool:
    """Whether the partitions in `table` have the recorded hash.

    Where several ways were tried, it begins with the earliest day that any of them learned from,
    which is not told: each is tried.
    """
    files = partitions.files_of(table, None, version.window[1])
    digests = {each.relative_to(table).as_posix(): fingerprints.of_file(each) for each in files}
    names = sorted(digests)
    earlier = [n for n, name in enumerate(names) if name < f"day={version.learned_from}"]
    likely = len(earlier)
    several = len(version.story.get("tried") or ()) > 1
    return any(
        fingerprints.of_digests({name: digests[name] for name in names[start:]})
        == version.lineage.data_hash
        for start in [likely, *(reversed(earlier) if several else ())]
        if names[start:]
    )


def _replace(table: Path, files: Iterable[Path]) -> None:
    _clear(table)
    for file in files:
        _link(file, table / file.parent.name / file.name)


def _clear(table: Path) -> None:
    if table.exists():
        shutil.rmtree(table)


def _link(file: Path, target: Path) -> None:
    """A partition is never written to, only replaced: a second name for its bytes is safe."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except OSError:  # another disk
        shutil.copyfile(file, target)
