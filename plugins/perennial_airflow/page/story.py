"""What was read about one model, arranged for its drawings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from perennial.decide.decided import Decided
from perennial.draw.formats import share
from perennial.watch.drawing import Point
from perennial.watch.watched import Compared, Watched
from perennial_airflow.page.drawn.heat_map import Cell, Row
from perennial_airflow.page.drawn.series import Mark
from perennial_airflow.page.reading import NIGHTS
from perennial_airflow.page.shelf import OneRelease

ROLES = ("prediction", "label", "feature")
OUT = ("suspected", "drifted")
ROWS = 16
"""How many rows of the heat map are shown at once."""
Calendar = Sequence[tuple[str, Watched | None]]
"""Nights in a row, the oldest first; None where there is no report."""


def calendar(nights: Sequence[Watched]) -> Calendar:
    """The nights from the first to the last report, at most `NIGHTS`; gaps stay visible."""
    if not nights:
        return []
    found = {each.at: each for each in nights}
    last = nights[-1].at
    n = min(NIGHTS, (last - nights[0].at).days + 1)
    days = (last - timedelta(days=back) for back in range(n - 1, -1, -1))
    return [(day.isoformat(), found.get(day)) for day in days]


def metrics_of(nights: Sequence[Watched], primary: str | None) -> list[str]:
    """The metrics that were looked at, the primary one first."""
    seen = dict.fromkeys(each.metric for night in nights for each in night.performance)
    return sorted(seen, key=lambda name: name != primary)


def points_of(nights: Calendar, metric: str) -> list[Point]:
    """One metric over the nights; nights that do not know it stay as gaps."""
    return [_point(at, night, metric) for at, night in nights]


def _point(at: str, night: Watched | None, metric: str) -> Point:
    of_night = night.performance if night else ()
    found = next((each for each in of_night if each.metric == metric), None)
    if night is None or found is None:
        return Point(at, None)
    value, expected = found.value, found.expected.estimate if found.expected else None
    return Point(at, value.estimate, value.low, value.high, expected, found.state, night.version)


def rows_of(nights: Calendar) -> list[Row]:
    """The heat map's rows: answers and labels, then features by their weight in the last report."""
    last: dict[tuple[str, str], Compared] = {}
    cells: dict[tuple[str, str], dict[str, Cell]] = {}
    for at, night in nights:
        for each in night.columns if night else ():
            key = (each.role, each.name)
            last[key] = each
            cells.setdefault(key, {})[at] = Cell(each.state, each.effect, each.threshold)
    ordered = sorted(last, key=lambda key: (ROLES.index(key[0]), -last[key].weight, key[1]))
    return [Row(last[key].name, key[0], _note(last[key]), cells[key]) for key in ordered]


def telling(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows to look at first, and the others: what was ever out, and the first of the rest."""
    out = [row for row in rows if any(cell.state in OUT for cell in row.cells.values())]
    first = {row.name for row in out} | {row.name for row in rows[: max(0, ROWS - len(out))]}
    return [row for row in rows if row.name in first], [r for r in rows if r.name not in first]


def _note(column: Compared) -> str:
    return share(column.weight) if column.role == "feature" else column.role


def answered(nights: Calendar, what: str) -> list[int | None]:
    """One count of the servers' answers over the nights."""
    return [int(getattr(night.answered, what)) if night else None for _, night in nights]


def promotions(releases: Iterable[OneRelease]) -> list[Mark]:
    """On which night which version took over."""
    return [
        Mark(each.release.night, each.release.version[:8])
        for each in releases
        if any(entry.state in ("promoted", "done") for entry in each.record)
    ]


def by_night(decisions: Iterable[tuple[str, Decided]]) -> dict[date, Decided]:
    """Each night's decision."""
    return {decided.at: decided for _, decided in decisions}
