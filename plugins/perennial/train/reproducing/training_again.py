"""Runs the recorded training in the scratch project, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from perennial.errors import UnavailableError
from perennial.learn import version_files
from perennial.learn.version_files import VersionFiles
from perennial.train.reproducing.recorded import Recorded

PROGRAM = Path(__file__).with_name("in_scratch.py")
LAST = 2000  # characters of what it said that are told


def train_again(
    version: Recorded, scratch: Path, library: Path, parents: dict[tuple[str, str], Path]
) -> VersionFiles:
    """What comes out when the recorded command runs in `scratch` with the library in `library`.

    `parents` are the folders of what served then, by model and version. Nothing of the real
    project is seen: its ledger, its registry and its settings are left out of the environment.
    Raises UnavailableError with the end of what the training said when it fails.
    """
    asked = {
        "root": str(scratch),
        "parents": [[*named, str(folder)] for named, folder in parents.items()],
        "train": version.asked,
        "parent_process": os.getpid(),
    }
    done = subprocess.run(
        [sys.executable, "-P", str(PROGRAM), json.dumps(asked)],
        cwd=scratch,
        env=_environment(scratch, library),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        told = (done.stderr or done.stdout).strip()[-LAST:]
        raise UnavailableError(
            f"model {version.model}: {version.files.version} could not be made again: "
            f"`{version.command}` with its code ended with {done.returncode}: {told}"
        )
    return version_files.read(scratch / "var" / "models" / version.model / "candidate")


def _environment(scratch: Path, library: Path) -> dict[str, str]:
    outside = ("PERENNIAL_", "MLFLOW_TRACKING", "MLFLOW_REGISTRY", "GIT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
    return {
        **kept,
        "PYTHONPATH": str(library),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PERENNIAL_PROJECT": str(scratch),
        # It lies inside of the real repository, whose commit is none of its business.
        "GIT_CEILING_DIRECTORIES": str(scratch.parent),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
