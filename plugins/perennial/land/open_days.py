"""Which landed days have become checked marts, so that a night knows where to take up again.

`var/state/done.json` holds per day a digest of what was landed when its marts passed their
gates. A day that has landed anew since, or never passed, is open.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path

from perennial.declare.project import Project
from perennial.keep import locks
from perennial.keep.files import replace_text
from perennial.keep.partitions import days_between
from perennial.land import ledger

LEAST_DAYS = 7  # looked back at least: so many stopped nights catch up by themselves


def first_before(project: Project, start: date) -> date:
    """The first day before `start`, within the lookback, that is open; `start` when none is."""
    landed = _landed(project)
    noted = _read(project)
    days = _looked_back(project, start)
    return next((d for d in days if d in landed and landed[d] != noted.get(d.isoformat())), start)


def missing_before(project: Project, start: date) -> date:
    """The first day before `start`, within the lookback, that some source should have landed.

    A source that has landed an earlier day should have; `start` when none is missing.
    """
    missing = {start}
    for name in _daily(project):
        landed = ledger.read(project, name)
        missing |= {day for day in _looked_back(project, start)
                    if landed and min(landed) < day and day not in landed}  # fmt: skip
    return min(missing)


def note(project: Project, start: date, end: date) -> None:
    """Write down that the marts of `start <= day < end` rest on what is landed now."""
    landed = _landed(project)
    with locks.exclusive(project.var / "locks", "done-days"):
        noted = _read(project)
        days = [day for day in days_between(start, end) if day in landed]
        now = noted | {day.isoformat(): landed[day] for day in days}
        if now != noted:
            replace_text(_file(project), json.dumps(now, indent=0, sort_keys=True) + "\n")


def _landed(project: Project) -> dict[date, str]:
    """Per landed day a digest over the partitions of all sources with days."""
    found: dict[date, list[str]] = {}
    for name in _daily(project):
        for day, entry in ledger.read(project, name).items():
            found.setdefault(day, []).append(f"{name}:{entry['sha256']}")
    return {day: hashlib.sha256("\n".join(each).encode()).hexdigest()[:16]
            for day, each in found.items()}  # fmt: skip


def _daily(project: Project) -> list[str]:
    """The sources that bring something every day."""
    return sorted(name for name, each in project.sources.items() if not each.land.static_from)


def _looked_back(project: Project, start: date) -> list[date]:
    lookbacks = [each.land.lookback_days for each in project.sources.values()]
    return days_between(start - timedelta(days=max([LEAST_DAYS, *lookbacks])), start)


def _read(project: Project) -> dict[str, str]:
    """What was noted; nothing when the file is damaged: then days are only done once more."""
    try:
        content = json.loads(_file(project).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _file(project: Project) -> Path:
    return project.var / "state" / "done.json"
