"""Kept reports, read back: what is missing or not readable is told, never a reason to fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from perennial.check.checked import Checked
from perennial.declare.project import Project
from perennial.keep.report import Report
from perennial.watch.watched import Watched

Kind = TypeVar("Kind", bound=Report)

NIGHTS = 60
"""The most nights that the page looks back."""


@dataclass
class Troubles:
    """What could not be read, in sentences for the reader of the page."""

    sentences: list[str] = field(default_factory=list)

    def about(self, path: str, error: Exception) -> None:
        """Remember that something could not be read, by its name and the first line of why."""
        why = "it was written by another version" if _is_form(error) else _first_line(error)
        self.sentences.append(f"{path} could not be read: {why}")


def watched_nights(project: Project, model: str, troubles: Troubles) -> list[Watched]:
    """The kept reports of `watch`, the last `NIGHTS` of them, the oldest first."""
    files = sorted((project.var / "reports" / "watch" / model).glob("????-??-??.json"))
    found = (read_report(project, path, Watched, troubles) for path in files[-NIGHTS:])
    return [each for each in found if each is not None]


def gates(project: Project, troubles: Troubles) -> list[Checked]:
    """The last check of each layer that has been checked."""
    folder = project.var / "reports" / "check"
    found = (
        read_report(project, folder / f"{layer}.json", Checked, troubles)
        for layer in ("raw", "marts")
    )
    return [each for each in found if each is not None]


def read_report(project: Project, path: Path, kind: type[Kind], troubles: Troubles) -> Kind | None:
    """One report, None where there is none; an unreadable one is told in `troubles`."""
    try:
        stat = path.stat()
        found = _parsed(path, stat.st_mtime_ns, stat.st_size, kind)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # pydantic's errors are ValueErrors
        troubles.about(project.shown(path), error)
        return None
    assert isinstance(found, kind)
    return found


@lru_cache(maxsize=512)
def _parsed(path: Path, _changed: int, _size: int, kind: type[Report]) -> Report:
    """The report's content; read again only when the file has changed."""
    return kind.model_validate_json(path.read_bytes())


def _is_form(error: Exception) -> bool:
    """Whether it is well-formed JSON of another shape."""
    return isinstance(error, ValidationError) and all(
        each["type"] != "json_invalid" for each in error.errors()
    )


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "it is not whole JSON"
    return str(error).partition("\n")[0]
