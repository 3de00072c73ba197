"""How far the freshener has come, and from where it has to read again after a restart."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from perennial.declare.project import Project
from perennial.keep.files import replace_text

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watermark:
    """The place in one source's journal of events."""

    fresh_seq: int = 0
    """The last event whose features can be asked for."""
    needed_from: int = 1
    """The first event that the features may still depend on."""
    begins_at: int = 1
    """The first event of the story: nothing before it counts."""


def _file(project: Project) -> Path:
    return project.var / "state" / "fresh.json"


def watermarks(project: Project) -> dict[str, Watermark]:
    """Per source its watermark; empty before the first event.

    A file that cannot be understood counts as none, and the log says so: the freshener then reads
    everything again, which gives the same features.
    """
    try:
        content = json.loads(_file(project).read_text(encoding="utf-8"))
        return {source: Watermark(**each) for source, each in content.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        logger.warning("%s is damaged, all events count as new: %s", _file(project).name, error)
        return {}


def record(project: Project, marks: dict[str, Watermark]) -> None:
    """Replace all watermarks; readers see the old ones or the new ones."""
    content = {source: asdict(mark) for source, mark in marks.items()}
    replace_text(_file(project), json.dumps(content, sort_keys=True))


def _follower_file(project: Project) -> Path:
    return project.var / "state" / "freshener.pid"


def follow(project: Project) -> None:
    """Tell that this process follows the journals from now on."""
    replace_text(_follower_file(project), str(os.getpid()))


def is_followed(project: Project) -> bool:
    """Whether a freshener follows the journals now."""
    pid = follower(project)
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
        return b"freshen" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ProcessLookupError):
        return False


def follower(project: Project) -> int | None:
    """The process that told so last; it may be gone."""
    try:
        return int(_follower_file(project).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
