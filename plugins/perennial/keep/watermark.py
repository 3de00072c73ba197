"""How far the freshener has come: the last event of each source that it has made fresh."""

from __future__ import annotations

import json
from pathlib import Path

from perennial.declare.project import Project
from perennial.keep.files import replace_text


def _file(project: Project) -> Path:
    return project.var / "state" / "fresh.json"


def fresh_seqs(project: Project) -> dict[str, int]:
    """Per source the number of the last event whose features can be asked for; empty at first."""
    try:
        content: dict[str, int] = json.loads(_file(project).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content


def record(project: Project, seqs: dict[str, int]) -> None:
    """Replace the watermark; readers see the old one or the new one."""
    replace_text(_file(project), json.dumps(seqs, sort_keys=True))
