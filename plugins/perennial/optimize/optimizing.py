"""The stage `optimize`: which variant of the candidate goes on."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from perennial.declare.project import Project
from perennial.keep.report import Report
from perennial.train.candidate import read_candidate


class Optimized(Report):
    """Which variant of the candidate goes on, and why."""

    model: str
    at: date
    version: str = Field(description="The candidate's.")
    digest: str
    chosen: str = Field(description="The variant; original is the candidate as it was trained.")
    why: str


def optimize(model: str, at: str, *, project: Project | None = None) -> Optimized:
    """Say which variant of the candidate goes on.

    No variants can be declared yet, so it is the original, unchanged. Reads the candidate; writes
    nothing, so twice is the same as once. Raises UnavailableError when there is no candidate.
    """
    project = project or Project.find()
    candidate = read_candidate(project, project.model(model).name)
    return Optimized(
        model=model,
        at=date.fromisoformat(at),
        version=candidate.version,
        digest=candidate.digest,
        chosen="original",
        why="no variants are declared, so the candidate goes on as it was trained",
    )
