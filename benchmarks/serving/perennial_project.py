"""The benchmark's Perennial project: declared, filled, packaged, deployed and served."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep import api_keys
from perennial.keep.ledger import Ledger
from perennial.keep.partitions import partition
from perennial.learn.lightgbm_learner import LightGBMLearner
from serving.parcels import MODEL, NOON, Parcels

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
NIGHT = NOON.date().isoformat()


def packaged(folder: Path, parcels: Parcels, ports: dict[str, int]) -> tuple[Project, str]:
    """A project in `folder` with its features online and its model as a signed Bento, and a key."""
    from perennial.features.refill import refill
    from perennial.features.repository import register

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
    _package(project, parcels, parcels.learner, parcels.scores)
    ledger = Ledger.of(project)
    _, token = api_keys.create(ledger, "benchmark", ["predict"], "benchmark", timedelta(days=1))
    return project, token


def _package(
    project: Project, parcels: Parcels, learner: LightGBMLearner, scores: list[float]
) -> str:
    """Make a learner the version that was packaged last."""
    from perennial.learn import version_files
    from perennial.package.bento import assemble, build
    from perennial.package.signature import sign_bento

    candidate = project.var / "candidate"
    shutil.rmtree(candidate, ignore_errors=True)
    version_files.write(candidate, learner.save(), {"training.json": b"{}"})
    version = version_files.read(candidate)
    columns = {name: [row[name] for row in parcels.rows[:50]] for name in parcels.rows[0]}
    reference = {"columns": columns, "scores": scores[:50]}
    beside = {"reference.json": json.dumps(reference).encode()}
    built = assemble(project, MODEL, version, beside)
    build(project, MODEL, version.version, built)
    sign_bento(project, MODEL, version.version)
    pointer = project.var / "models" / MODEL / "packaged.json"
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.write_text(json.dumps({"version": version.version}))
    return version.version


@contextmanager
def up(project: Project, ports: dict[str, int]) -> Iterator[tuple[int, str]]:
    """The project served by `perennial up` for as long as this lasts; its supervisor's process id
    and the version that answers."""
    from perennial.deploy import deploy

    placed = deploy(MODEL, NIGHT, project=project)
    Ledger.of(project).route(MODEL, placed.slot, placed.version, "for the benchmark", "benchmark")
    told = {f"PERENNIAL_{name.upper()}": str(port) for name, port in ports.items()}
    environment = {**os.environ, **told, "PERENNIAL_PROJECT": str(project.root)}
    command = [sys.executable, "-m", "perennial.cli"]
    try:
        subprocess.run([*command, "up"], check=True, env=environment, stdout=subprocess.DEVNULL)
        pid = int((project.var / "state" / "supervisor.pid").read_text().split()[0])
        yield pid, placed.version
    finally:
        subprocess.run([*command, "down"], check=True, env=environment, stdout=subprocess.DEVNULL)


def released(project: Project, parcels: Parcels, seconds: float = 60) -> str:
    """Begin the release of another training; its version, once half of the traffic is its own."""
    from perennial.deploy import deploy
    from perennial.release.releasing import release

    version = _package(project, parcels, parcels.other, parcels.other_scores)
    deploy(MODEL, NIGHT, project=project)
    release(MODEL, NIGHT, project=project)
    deadline = time.monotonic() + seconds
    while not is_open(project, version):
        if time.monotonic() > deadline:
            raise SystemExit(f"the release of {version} is not open after {seconds:g} s")
        time.sleep(0.1)
    return version


def is_open(project: Project, version: str) -> bool:
    """Whether `version` is tried with half of the traffic."""
    route = Ledger.of(project).live(MODEL)
    tried = route.challenger if route else None
    return (
        route is not None and tried is not None and (tried.version, route.weight) == (version, 0.5)
    )
