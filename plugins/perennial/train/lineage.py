"""Where a version comes from: data, code and environment."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import yaml

from perennial.declare.frozen import Frozen
from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep import fingerprints
from perennial.train.labelled_rows import files_between, training_table


class Lineage(Frozen):
    """Digests of what a version was made from and with."""

    data_hash: str
    """SHA-256 over the names and bytes of the training partitions of the window."""
    dvc_hash: str | None
    """DVC's hash of the training table, where dvc.lock names it."""
    code_version: str
    environment: str


def lineage(project: Project, model: Model, start: date, end: date) -> Lineage:
    """The lineage of a version learned from `start <= day < end`."""
    table = training_table(project, model)
    _, files = files_between(project, model, start, end)
    return Lineage(
        data_hash=fingerprints.of_files(table, files),
        dvc_hash=dvc_hash(project.root, project.shown(table)),
        code_version=fingerprints.code_version(project.root),
        environment=fingerprints.of_bytes("\n".join(installed()).encode()),
    )


@cache
def installed() -> tuple[str, ...]:
    """All installed distributions as `name==version`: what the environment's digest is over."""
    return tuple(fingerprints.packages())  # some 0.3 s, and the same while a process lives


def dvc_hash(root: Path, path: str) -> str | None:
    """The hash that dvc.lock records for `path`; None when it names no such path."""
    lock = root / "dvc.lock"
    if not lock.is_file():
        return None
    stages = (yaml.safe_load(lock.read_text(encoding="utf-8")) or {}).get("stages", {})
    for stage in stages.values():
        for each in [*stage.get("outs", []), *stage.get("deps", [])]:
            if str(each.get("path", "")).rstrip("/") == path:
                return str(each.get("md5") or each.get("hash")) or None
    return None
