"""The benchmark's Perennial project: declared, filled, packaged, deployed and served."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep.ledger import Ledger
from perennial.keep.partitions import partition
from serving.parcels import MODEL, NOON, Parcels

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


def packaged(folder: Path, parcels: Parcels, ports: dict[str, int]) -> Project:
    """A project in `folder` with its features online and its model as a signed Bento."""
    from perennial.features.refill import refill
    from perennial.features.repository import register
    from perennial.learn import version_files
    from perennial.package.bento import assemble, build
    from perennial.package.signature import sign_bento

    shutil.copytree(HERE / "project", folder)
    for name in ("gateway", "predictor"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(
            REPOSITORY / "bentofiles" / name, folder / "bentofiles" / name, ignore=ignored
        )
    settings = Settings(project=None, mlflow_uri=None, ledger_url=None, **ports)
    project = Project(folder, settings)
    day = partition(project.lake / "checked" / "marts" / "courier_habits", NOON.date())
    parcels.write_habits(day)
    register(project)
    refill(project, NOON)
    candidate = folder / "var" / "candidate"
    version_files.write(candidate, parcels.learner.save(), {"training.json": b"{}"})
    version = version_files.read(candidate)
    columns = {name: [row[name] for row in parcels.rows[:50]] for name in parcels.rows[0]}
    reference = {"columns": columns, "scores": parcels.scores[:50]}
    beside = {"reference.json": json.dumps(reference).encode()}
    built = assemble(project, MODEL, version, beside)
    build(project, MODEL, version.version, built)
    sign_bento(project, MODEL, version.version)
    pointer = project.var / "models" / MODEL / "packaged.json"
    pointer.parent.mkdir(parents=True)
    pointer.write_text(json.dumps({"version": version.version}))
    return project


@contextmanager
def up(project: Project, ports: dict[str, int]) -> Iterator[int]:
    """The project served by `perennial up` for as long as this lasts; its supervisor's id."""
    from perennial.deploy import deploy

    placed = deploy(MODEL, NOON.date().isoformat(), project=project)
    Ledger.of(project).route(MODEL, placed.slot, placed.version, "for the benchmark", "benchmark")
    told = {f"PERENNIAL_{name.upper()}": str(port) for name, port in ports.items()}
    environment = {**os.environ, **told, "PERENNIAL_PROJECT": str(project.root)}
    command = [sys.executable, "-m", "perennial.cli"]
    try:
        subprocess.run([*command, "up"], check=True, env=environment, stdout=subprocess.DEVNULL)
        yield int((project.var / "state" / "supervisor.pid").read_text().split()[0])
    finally:
        subprocess.run([*command, "down"], check=True, env=environment, stdout=subprocess.DEVNULL)
