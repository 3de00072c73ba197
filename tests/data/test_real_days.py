"""The example's own data get through all gates, with the oddities that the gates name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from perennial.check import Checked, check
from perennial.declare.project import Project
from perennial.land import land
from perennial.layer import layer

ROOT = Path(__file__).parents[2]
# A blizzard (8 and 9 February) and a broken wind sensor (12 February).
PERIOD = ("2013-02-07", "2013-02-14")
FIRST = "2013-01-09"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The example landed, checked and layered, with the days before that features look back to."""
    root = tmp_path_factory.mktemp("example")
    shutil.copytree(ROOT / "data", root / "data", ignore=shutil.ignore_patterns("lake"))
    project = Project(root)
    land("all", FIRST, PERIOD[1], project=project)
    check("raw", FIRST, PERIOD[1], project=project)
    layer(*PERIOD, project=project)
    return project


@pytest.fixture(scope="module")
def raw(project: Project) -> Checked:
    return check("raw", *PERIOD, project=project)


def test_raw_is_published_and_gated(raw: Checked) -> None:
    assert raw.stopped == ()
    assert all(each.is_gated for each in raw.tables)


def test_the_oddities_are_found_and_nothing_else(raw: Checked) -> None:
    found = {
        (table.table, each.severity, each.columns[0], each.n_failing)
        for table in raw.tables
        for each in table.failed
    }
    assert found == {
        ("airports", "quarantine", "tzone", 2),
        ("airports", "warn", "lon", 4),
        ("flights", "warn", "missing_share_arr_delay", 2),
        ("flights", "warn", "tailnum", 1),
        ("weather", "quarantine", "wind_speed", 1),
    }


def test_marts_are_published_and_gated(project: Project) -> None:
    report = check("marts", *PERIOD, project=project)
    assert all(each.is_gated and each.is_published for each in report.tables)
    assert [each for table in report.tables for each in table.failed] == []


@pytest.mark.parametrize("day", [("2013-02-09", "2013-02-10"), ("2013-02-12", "2013-02-13")])
def test_each_day_gets_through_by_itself(project: Project, day: tuple[str, str]) -> None:
    assert check("raw", *day, project=project).stopped == ()
    assert check("marts", *day, project=project).stopped == ()
