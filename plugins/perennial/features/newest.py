"""Up to which night a model's data reach."""

from __future__ import annotations

from datetime import timedelta

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import partitions


def newest_night(model: str, *, project: Project | None = None) -> str:
    """The night after the newest day of the model's mart that has passed its gate.

    Raises `UnavailableError` when no day has.
    """
    project = project or Project.find()
    mart = project.model(model).rows.mart
    days = partitions.days_of(project.lake / "checked" / "marts" / mart)
    if not days:
        raise UnavailableError(f"the mart {mart!r} of model {model} has no checked day yet")
    return (days[-1] + timedelta(days=1)).isoformat()
