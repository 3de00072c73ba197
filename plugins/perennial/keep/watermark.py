"""How far the freshener has come, and from where it has to read again after a restart."""

from __future__ import annotations

import json
import logging
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from perennial.declare.project import Project
from perennial.keep.files import replace_text
from perennial.keep.locks import exclusive, is_held, last_holder

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


def follow(project: Project) -> AbstractContextManager[None]:
    """Follow the journals, as the only one that does, until the context ends."""
    return exclusive(project.var / "state", "freshener")


def is_followed(project: Project) -> bool:
    """Whether a freshener follows the journals now."""
    return is_held(project.var / "state", "freshener")


def follower(project: Project) -> int | None:
    """The process that followed last; it may be gone."""
    return last_holder(project.var / "state", "freshener")
