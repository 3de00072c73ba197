"""What a night costs does not grow with the history that was lived before it.

Counted, not timed: the files that a night opens, the entries of the folders that it looks through,
the statements that it asks the ledger, and the days that it holds in memory.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, event
from tests.replay.test_replaying import FIELDS

from perennial.declare.project import Project
from perennial.replay.policies import living, replay
from perennial.replay.policies.days import Days
from perennial.watch.performance import LOOK_BACK_DAYS

Work = Counter[str]
FIRST, N_NIGHTS = date(2024, 1, 24), 150
EARLY, LATE = slice(40, 50), slice(140, 150)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """All that was read since the test began, by kind."""
    work: Work = Counter()

    def count(kind: str, place: Any, name: str) -> None:
        original = getattr(place, name)

        def counting(*given: Any, **named: Any) -> Any:
            work[kind] += 1
            return original(*given, **named)

        monkeypatch.setattr(place, name, counting)

    def look_through(path: Any) -> Any:
        work["entries"] += len(listed(path))
        return scanned(path)

    def ask(*_: Any) -> None:
        work["statements"] += 1

    listed, scanned = os.listdir, os.scandir
    count("files", io, "open")  # what pathlib opens with
    count("partitions", pq, "ParquetFile")
    monkeypatch.setattr(os, "scandir", look_through)
    event.listen(Engine, "before_cursor_execute", ask)
    yield work
    event.remove(Engine, "before_cursor_execute", ask)


@pytest.fixture
def nights(monkeypatch: pytest.MonkeyPatch, counted: Work) -> list[Work]:
    """What each lived night read, and how many days it left in memory."""
    found: list[Work] = []
    live = living._live

    def lived(life: living.Life, *given: Any) -> None:
        before = counted.copy()
        live(life, *given)
        spent = Counter({kind: n - before[kind] for kind, n in counted.items()})
        held = {"days": life.days.read.cache_info().currsize, "answers": len(life.eyes.scores)}
        found.append(spent + Counter(held))

    monkeypatch.setattr(living, "_live", lived)
    return found


def most(nights: list[Work]) -> dict[str, int]:
    """The most of each kind that any of some nights came to."""
    return {kind: max(night[kind] for night in nights) for night in nights for kind in night}


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["never", "watched"])
def test_a_late_night_reads_no_more_than_an_early_one(
    make_project: Callable[..., Project], nights: list[Work], policy: str
) -> None:
    project = make_project(
        n_days=24 + N_NIGHTS, rows_per_day=20, decide={"budget": {"trainings": 0}}, **FIELDS
    )
    end = FIRST + timedelta(days=N_NIGHTS - 1)
    report = replay("ripeness", str(FIRST), str(end), policy, project=project)
    assert (report.policies[0].n_trainings, len(nights)) == (1, N_NIGHTS)
    early, late = most(nights[EARLY]), most(nights[LATE])
    assert early["partitions"] == 1, "the day that is new"
    assert {kind: n for kind, n in late.items() if n > early[kind]} == {}


def test_a_day_is_read_once_however_far_watch_looks_back(
    make_project: Callable[..., Project], counted: Work
) -> None:
    watch = {**FIELDS["watch"], "performance_days": 60}
    project = make_project(n_days=100, rows_per_day=2, **{**FIELDS, "watch": watch})
    days = Days(project, project.model("ripeness"))
    look_back = timedelta(days=60 + LOOK_BACK_DAYS)
    for night in (date(2024, 1, 1) + look_back + timedelta(days=n) for n in range(5)):
        assert days.rows(night - look_back, night, night).n_rows == 2 * look_back.days
        assert days.read(night) is not None
    assert counted["partitions"] == look_back.days + 5
