"""The collectors that MLflow and DVC bring along, run as commands."""

from __future__ import annotations

import os
import subprocess
import sys

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.train.registry import tracking_uri

SECONDS = 600
LAST = 500  # characters of what a command said that are kept


def collect(project: Project, mlflow_days: int, collect_dvc: bool) -> dict[str, str]:
    """What each collector said.

    Raises `UnavailableError` with the end of its words when one fails.
    """
    said = {"mlflow": "nothing was ever recorded"}
    if project.settings.mlflow_uri or (project.var / "mlflow" / "mlflow.db").is_file():
        said["mlflow"] = _run(project, "mlflow", "gc", "--backend-store-uri", tracking_uri(project),
                              "--older-than", f"{mlflow_days}d")  # fmt: skip
    said["dvc"] = "not asked for"
    if collect_dvc:
        said["dvc"] = _run(project, "dvc", "gc", "--workspace", "--force")
    return said


def _run(project: Project, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project.root,
        env={**os.environ, "MLFLOW_TRACKING_URI": tracking_uri(project), "DVC_NO_ANALYTICS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    told = (done.stdout + done.stderr).strip()[-LAST:]
    if done.returncode:
        raise UnavailableError(f"{' '.join(command[:2])} ended with {done.returncode}: {told}")
    return told or "nothing to collect"
