"""Where the nights' reports are kept, and what earlier ones tell."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from pydantic import ValidationError

from perennial.declare.project import Project
from perennial.watch.watched import Watched


def report_file(project: Project, model: str, at: date) -> Path:
    """Where the report of one night is kept."""
    return _folder(project, model) / f"{at.isoformat()}.json"


def page_file(project: Project, model: str, at: date) -> Path:
    """Where the page of one night is kept."""
    return _folder(project, model) / f"{at.isoformat()}.html"


def read_report(project: Project, model: str, at: date) -> Watched | None:
    """The kept report of one night; None when there is none that can be understood.

    One that another version of the project wrote counts as none: its night is unknown.
    """
    try:
        return Watched.model_validate_json(report_file(project, model, at).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def nights_before(project: Project, model: str, at: date, n: int) -> list[Watched | None]:
    """The reports of the `n` nights before `at`, the oldest first; None for a missing one."""
    return [read_report(project, model, at - timedelta(days=back)) for back in range(n, 0, -1)]


def _folder(project: Project, model: str) -> Path:
    return project.var / "reports" / "watch" / model
