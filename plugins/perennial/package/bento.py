"""The Bento of one version: its build folder put together, and built in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep.ledger import bento_folder
from perennial.learn import version_files
from perennial.learn.version_files import VersionFiles

SERVICE = Path("bentofiles") / "predictor"
TIMEOUT_SECONDS = 300


def assemble(
    project: Project, model: str, version: VersionFiles, beside: Mapping[str, bytes]
) -> Path:
    """Put the build folder of a version together anew: service, `model/`, and files beside it."""
    service = project.root / SERVICE
    if not (service / "bentofile.yaml").is_file():
        raise UnavailableError(f"there is no {SERVICE / 'bentofile.yaml'} to package with")
    folder = project.var / "build" / model / version.version
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(service, folder, ignore=shutil.ignore_patterns("__pycache__"))
    version_files.copy(version, folder / "model")
    for name, content in beside.items():
        (folder / name).write_bytes(content)
    return folder


def build(project: Project, model: str, version: str, folder: Path) -> Path:
    """Build the Bento `<model>:<version>` from its build folder; where BentoML put it.

    In a process of its own, because BentoML imports the service to describe it: two versions in
    one process would share the first one's modules, and its home is fixed at import. The import
    proves the service, so a version that cannot answer its reference rows is never built. What a
    killed build left is removed first. Nothing is fetched: packages are not locked here, the
    environment's own lock does that.
    """
    shutil.rmtree(bento_folder(project, model, version), ignore_errors=True)
    command = [sys.executable, "-m", "bentoml", "build", str(folder)]
    command += ["--name", model, "--version", version, "--output", "tag"]
    environment = {
        **os.environ,
        "BENTOML_HOME": str(project.var / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "DO_NOT_TRACK": "1",
        # An image description would need uv or pip at hand, though nothing is installed.
        "BENTOML_ENABLE_FEATURES": "no_image",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    built = bento_folder(project, model, version)
    if done.returncode != 0 or not built.is_dir():
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise UnavailableError(f"BentoML could not build {model}:{version}:\n{said}")
    return built
