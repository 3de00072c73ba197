"""Drawings of kept reports: the nightly page and the page in Airflow show the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from perennial.watch.drawing import Point, Strip, distributions, heat_map, over_nights
from perennial.watch.watched import Compared, Performance, Watched

N_COLUMNS = 20
N_DISTRIBUTIONS = 8

Nights = Sequence[Watched | None]
"""Reports of nights in a row, the oldest first; None where there is none."""


def distribution_of(column: Compared) -> str:
    """A column's values in the reference and on the watched days, side by side."""
    if column.shape is None:
        return ""
    shape = column.shape
    return distributions(
        shape.bins, shape.reference, shape.current, f"distribution of {column.name}"
    )


def most_telling(report: Watched, n: int = N_DISTRIBUTIONS) -> list[Compared]:
    """The columns to look at first: what drifted, answers and labels, then the most important."""
    order = {"drifted": 0, "suspected": 1}
    drawn = [each for each in report.columns if each.shape is not None]
    return sorted(
        drawn,
        key=lambda each: (
            order.get(each.state, 2), each.role == "feature", -each.weight, each.name,
        ),
    )[:n]  # fmt: skip


def heat_map_of(nights: Nights, last: date, n: int = N_COLUMNS) -> str:
    """The columns by nights; those that were out most often and weigh most come first."""
    dates = [last - timedelta(days=back) for back in range(len(nights) - 1, -1, -1)]
    by_night = [{(c.role, c.name): c for c in night.columns} if night else {} for night in nights]
    newest = {key: column for columns in by_night for key, column in columns.items()}
    times = {
        key: sum(key in columns and columns[key].is_out for columns in by_night) for key in newest
    }
    ranked = sorted(
        newest, key=lambda key: (key[0] == "feature", -times[key] * newest[key].weight,
                                 -newest[key].weight, key),
    )  # fmt: skip
    strips = [
        Strip(
            name=name,
            states=tuple(c[role, name].state if (role, name) in c else None for c in by_night),
            told=tuple(_told(c.get((role, name))) for c in by_night),
        )
        for role, name in ranked[:n]
    ]
    return heat_map([str(each) for each in dates], strips, "what drifted, column by night")


def metric_over_nights(nights: Nights, last: date, metric: str) -> str:
    """One metric by nights, with its intervals and what was expected."""
    points = []
    for back, night in zip(range(len(nights) - 1, -1, -1), nights, strict=True):
        found = _metric(night, metric)
        at = str(last - timedelta(days=back))
        points.append(_point(at, night, found))
    return over_nights(points, f"{metric} over nights")


def _point(at: str, night: Watched | None, found: Performance | None) -> Point:
    if night is None or found is None:
        return Point(at, None, version=night.version if night else None)
    value, expected = found.value, found.expected
    return Point(
        at, value.estimate, value.low, value.high, expected.estimate if expected else None,
        found.state, night.version,
    )  # fmt: skip


def _metric(night: Watched | None, metric: str) -> Performance | None:
    of_night = night.performance if night else ()
    return next((each for each in of_night if each.metric == metric), None)


def _told(column: Compared | None) -> str:
    if column is None:
        return "no report"
    if column.effect is None:
        return column.state
    return f"{column.state}, distance {column.effect:.3f}"
