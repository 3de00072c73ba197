"""What serves now: the one that a candidate is compared with."""

from __future__ import annotations

from pathlib import Path

from perennial.declare.project import Project


def champion_folder(project: Project, model: str) -> Path | None:
    """The files of the version that answers for `model` now; None when nothing serves.

    Not the version that was blessed last: that one may never have been released, or may have been
    rolled back.
    """
    from perennial.keep.ledger import serving

    now = serving(project, model)
    return None if now is None else now.version_folder
