from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pyarrow as pa
import pytest

from perennial.declare.project import Project
from perennial.keep import partitions
from perennial.watch import Watched, watch

from .conftest import JUDGE, MODEL

Served = Callable[..., Project]
SUNDAY = JUDGE + timedelta(days=(6 - JUDGE.weekday()) % 7)


def told(report: Watched, level: str) -> list[str]:
    return [
        each.sentence
        for each in report.findings
        if (each.kind, each.level) == ("data_quality", level)
    ]


def night_after(project: Project, day: date) -> Watched:
    return watch(MODEL, str(day + timedelta(days=1)), project=project)


def test_a_day_that_never_has_rows_is_no_gap(served: Served) -> None:
    def closed(day: date, table: pa.Table) -> pa.Table:
        return table.slice(0, 0) if day.weekday() == 6 else table

    report = night_after(served(rows=closed), SUNDAY)
    assert report.state == "unknown"
    assert not told(report, "alarm")
    assert f"{SUNDAY} has no rows, as on that day of every week before" in told(report, "note")


def test_one_day_of_several_without_rows_breaks_the_data(served: Served) -> None:
    project = served(watch={"days": 3})
    partitions.partition(project.lake / "training" / MODEL, SUNDAY).unlink()
    report = night_after(project, SUNDAY + timedelta(days=1))
    assert (report.state, report.n_rows) == ("broken", 200)
    assert f"{SUNDAY} has no rows" in told(report, "alarm")[0]


@pytest.mark.parametrize("n_kept", [0, 98])
def test_rows_that_were_set_aside_are_told_with_their_share(served: Served, n_kept: int) -> None:
    project = served()
    for place, n in (("quarantine", 2), ("checked", n_kept)):
        if n:
            rows = pa.table({"any": list(range(n))})
            partitions.publish(project.lake / place / "raw" / "trees", SUNDAY, rows, project.lake)
    share = "2.0%" if n_kept else "100.0%"
    assert f"2 rows of raw trees of {SUNDAY} were set aside ({share})" in told(
        night_after(project, SUNDAY), "note"
    )
