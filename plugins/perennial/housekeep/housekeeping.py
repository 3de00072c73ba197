"""What is kept how long, and the report of what went."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from pydantic import Field

from perennial.declare.frozen import Frozen
from perennial.declare.project import Project
from perennial.housekeep import bentos, commands, reports, segments
from perennial.keep import locks
from perennial.keep.report import Report


class Removed(Frozen):
    """One thing that was removed."""

    path: str = Field(description="Relative to the project.")
    bytes: int
    why: str


class Housekept(Report):
    """What housekeeping removed."""

    at: date
    removed: tuple[Removed, ...]
    bytes: int = Field(description="Of all that was removed.")
    said: dict[str, str] = Field(description="What MLflow's and DVC's own collectors said.")


def housekeep(
    at: str,
    *,
    keep_reports: int = 120,
    journal_days: int = 30,
    keep_releases: int = 5,
    mlflow_days: int = 30,
    collect_dvc: bool = False,
    project: Project | None = None,
) -> Housekept:
    """Remove what is too old, as seen from the day `at`.

    * Reports of `watch` and `decide` but the newest `keep_reports` of each model; as many
      releases keep their page and their measurements (the ledger keeps every record).
    * Segments of the journals of answers and labels that are folded into the lake, that no release
      under way still reads, and that were last written more than `journal_days` before `at`.
    * Bentos on no slot, not the packaged one, and not of the last `keep_releases` releases.
    * MLflow runs that were deleted more than `mlflow_days` ago.
    * With `collect_dvc` also cached data that no file of the workspace names.

    Journals of events stay: they are what a day is landed from. Twice is the same as once.
    """
    project = project or Project.find()
    night = date.fromisoformat(at)
    before = datetime.combine(night, time(), UTC) - timedelta(days=journal_days)
    with locks.exclusive(project.var / "locks", "housekeep"):
        chosen = [
            *reports.beyond(project, keep_reports),
            *reports.of_releases(project, keep_reports),
            *segments.done_with(project, before),
            *bentos.unused(project, keep_releases),
        ]
        removed = [Removed(path=project.shown(each.path), bytes=each.remove(), why=each.why)
                   for each in chosen]  # fmt: skip
        said = commands.collect(project, mlflow_days, collect_dvc)
    return Housekept(
        at=night, removed=tuple(removed), bytes=sum(each.bytes for each in removed), said=said
    )
