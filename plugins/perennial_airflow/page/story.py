"""What was read about one model, arranged for its drawings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from perennial.decide.decided import Decided
from perennial.watch.drawing import Point
from perennial.watch.watched import Compared, Watched
from perennial_airflow.page.drawn.counts import Counted
from perennial_airflow.page.drawn.heat_map import Cell, Row
from perennial_airflow.page.drawn.series import Mark
from perennial_airflow.page.formats import share
from perennial_airflow.page.shelf import OneRelease

ROLES = ("feature", "prediction", "label")
PROMOTED = ("promoted", "done")


def metrics_of(nights: Sequence[Watched], primary: str | None) -> list[str]:
    """The metrics that were looked at, the primary one first."""
    seen = dict.fromkeys(each.metric for night in nights for each in night.performance)
    return sorted(seen, key=lambda name: name != primary)


def points_of(nights: Sequence[Watched], metric: str) -> list[Point]:
    """One metric over the nights; nights that do not know it stay as gaps."""
    return [_point(night, metric) for night in nights]


def _point(night: Watched, metric: str) -> Point:
    found = next((each for each in night.performance if each.metric == metric), None)
    if found is None:
        return Point(night.at.isoformat(), None, version=night.version)
    return Point(
        night=night.at.isoformat(),
        estimate=found.value.estimate,
        low=found.value.low,
        high=found.value.high,
        expected=found.expected.estimate if found.expected else None,
        state=found.state,
        version=night.version,
    )


def rows_of(nights: Sequence[Watched]) -> list[Row]:
    """The heat map's rows: features by their weight in the last report, then the other roles."""
    last: dict[str, Compared] = {}
    cells: dict[str, dict[str, Cell]] = {}
    for night in nights:
        for each in night.columns:
            key = f"{each.role} {each.name}"
            last[key] = each
            cell = Cell(each.state, each.effect, each.threshold)
            cells.setdefault(key, {})[night.at.isoformat()] = cell
    ordered = sorted(last, key=lambda key: (ROLES.index(last[key].role), -last[key].weight, key))
    return [Row(last[key].name, last[key].role, _note(last[key]), cells[key]) for key in ordered]


def _note(column: Compared) -> str:
    return share(column.weight) if column.role == "feature" else column.role


def promotions(releases: Iterable[OneRelease]) -> list[Mark]:
    """On which night which version took over."""
    return [
        Mark(each.release.night, each.release.version[:8])
        for each in releases
        if any(entry.state in PROMOTED for entry in each.record)
    ]


def counted(nights: Sequence[Watched]) -> list[Counted]:
    """Answers and failures of each night."""
    return [
        Counted(each.at.isoformat(), each.answered.n_answers, each.answered.n_failures)
        for each in nights
    ]


def by_night(decisions: Iterable[tuple[str, Decided]]) -> dict[date, Decided]:
    """Each night's decision."""
    return {decided.at: decided for _, decided in decisions}


def dates_of(nights: Sequence[Watched]) -> list[str]:
    """The nights as they are written."""
    return [each.at.isoformat() for each in nights]
