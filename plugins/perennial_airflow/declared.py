"""What DAG files need to know of the project while they are parsed: read lightly, with no engine.

A DAG file is parsed again and again, so this reads names and dates and validates nothing; the
library does that when a task runs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Nights:
    """Which nights the scheduler runs by itself (`nights:` in params.yaml)."""

    start: datetime
    end: datetime | None
    catches_up: bool
    """Whether nights that were missed are run when the scheduler is back, in order."""


def root() -> Path:
    """The project's folder."""
    named = os.environ.get("PERENNIAL_PROJECT")
    return Path(named) if named else Path(__file__).resolve().parents[2]


def models() -> list[str]:
    """The names of the declared models."""
    return sorted(path.stem for path in (root() / "models").glob("*.yaml"))


def nights() -> Nights:
    """The declared nights; without a last one the project lives on, and catches up."""
    declared = _parameters().get("nights") or {}
    end = declared.get("end")
    return Nights(
        start=_moment(declared.get("start") or date(2013, 1, 2)),
        end=_moment(end) if end else None,
        catches_up=bool(declared.get("catch_up", end is None)),
    )


def _parameters() -> dict[str, Any]:
    path = root() / "params.yaml"
    if not path.is_file():
        return {}
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def _moment(day: date | str) -> datetime:
    return datetime.combine(date.fromisoformat(str(day)), time(), UTC)
