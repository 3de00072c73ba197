"""Drawings of a replay: quality against cost, and quality over the months."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from perennial.draw.elements import tag
from perennial.draw.formats import many
from perennial.draw.labels import Frame, labels
from perennial.draw.scales import Scale
from perennial.judge.judged import Value
from perennial.replay.policies.replayed import Lived, Replayed

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460.0, 320.0, 58.0, 14.0, 12.0, 44.0
KINDS = ("random", "never", "calendar", "triggered")
NEAREST_TICKS = 20.0
"""Numbers along the axis that would lie nearer to each other are left out."""
MOST_MONTHS = 6
"""Months named along the axis."""
N_COLOURS = 8
"""Lines of the months that are told apart by colour; the others are drawn faintly."""


def frontier(report: Replayed, metric: str) -> Markup:
    """Each policy at its number of trainings; the calendars, never among them, joined by a line."""
    points = [(each, value) for each in report.policies
              if (value := each.metrics[metric]).estimate is not None]  # fmt: skip
    across = Scale.over([_log(each.n_trainings) for each, _ in points], margin=0.1)
    up = _upright([value for _, value in points])
    line = sorted(
        (each.n_trainings, value.estimate) for each, value in points
        if _is_on_line(each)
    )  # fmt: skip
    parts = [_axes(up)]
    parts += _ticks(across, {each.n_trainings for each, _ in points})
    if len(line) > 1:
        path = " ".join(f"{_x(across, _log(n)):.1f},{_y(up, value or 0):.1f}" for n, value in line)
        parts.append(tag("polyline", points=path, class_="frontier"))
    points.sort(key=lambda each: KINDS.index(_kind(each[0])))  # what is compared lies on top
    parts += [_point(each, value, across, up) for each, value in points]
    parts += _names(points, across, up)
    parts.append(tag("text", "trainings, the first one included", x=(LEFT + WIDTH - RIGHT) / 2,
                     y=HEIGHT - 6, text_anchor="middle", class_="axis"))  # fmt: skip
    return _svg(parts, f"{metric} against the number of trainings")


def months(report: Replayed, metric: str) -> Markup:
    """One line a policy over the months."""
    names = sorted({month.month for each in report.policies for month in each.months})
    across = Scale(-0.3, max(len(names) - 0.7, 0.7))
    values = [month.metrics[metric] for each in report.policies for month in each.months]
    up = Scale.over([each.estimate for each in values])
    parts = [_axes(up)]
    every = math.ceil(len(names) / MOST_MONTHS)
    for place in range(0, len(names), every):
        x = _x(across, place)
        parts.append(tag("text", names[place], x=x, y=HEIGHT - 22, text_anchor="middle",
                         class_="axis"))  # fmt: skip
    for place, each in enumerate(report.policies):
        told = [(names.index(month.month), month.metrics[metric]) for month in each.months]
        there = [(n, value.estimate) for n, value in told if value.estimate is not None]
        title, key = tag("title", each.policy), f"month {colour(place)}"
        path = " ".join(f"{_x(across, n):.1f},{_y(up, value):.1f}" for n, value in there)
        parts.append(tag("polyline", title, points=path, class_=key))
        if len(there) == 1:  # a line of one point cannot be seen
            (n, value) = there[0]
            parts.append(
                tag("circle", title, cx=_x(across, n), cy=_y(up, value), r=3.0, class_=key)
            )
    return _svg(parts, f"{metric} over the months")


def colour(place: int) -> str:
    """The class of the policy at this place of the report."""
    return f"c{place}" if place < N_COLOURS else "many"


def _is_on_line(lived: Lived) -> bool:
    """Whether it is one of those that others have to beat: a calendar that trains as declared."""
    return lived.kind in ("calendar", "never") and "/" not in lived.policy


def _kind(lived: Lived) -> str:
    return lived.kind if lived.kind == "random" or _is_on_line(lived) else "triggered"


def _point(lived: Lived, value: Value, across: Scale, up: Scale) -> Markup:
    x = _x(across, _log(lived.n_trainings))
    told = f"{lived.policy}: {value.estimate:.4f}, {many(lived.n_trainings, 'training')}"
    return tag("circle", tag("title", told), cx=x, cy=_y(up, value.estimate or 0), r=5.0,
               class_=f"point {_kind(lived)}")  # fmt: skip


def _names(points: Sequence[tuple[Lived, Value]], across: Scale, up: Scale) -> list[Markup]:
    """The policies' names; not those of random draws, at which pointing tells it."""
    at = [
        (each, _x(across, _log(each.n_trainings)), _y(up, value.estimate or 0))
        for each, value in points
    ]
    named = [(each.policy, x, y) for each, x, y in at if each.kind != "random"]
    frame = Frame(LEFT, WIDTH, TOP, HEIGHT - BOTTOM)
    return [
        tag("text", each.text, x=each.x, y=each.y, text_anchor=each.anchor, class_="name")
        for each in labels(named, [(x, y) for _, x, y in at], frame)
    ]


def _axes(up: Scale) -> Markup:
    parts = []
    for value, text in up.labels(5):
        y = _y(up, value)
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", text, x=LEFT - 7, y=y + 4, text_anchor="end", class_="axis"))
    return Markup("").join(parts)


def _ticks(across: Scale, numbers: set[int]) -> list[Markup]:
    parts: list[Markup] = []
    last = -math.inf
    for n in sorted(numbers):
        x = _x(across, _log(n))
        if x - last < NEAREST_TICKS:
            continue
        last = x
        parts.append(tag("text", str(n), x=x, y=HEIGHT - 24, text_anchor="middle", class_="axis"))
    return parts


def _upright(values: Sequence[Value]) -> Scale:
    return Scale.over([each.estimate for each in values], margin=0.15)


def _log(n: int) -> float:
    return math.log(max(n, 1))


def _x(across: Scale, value: float) -> float:
    return LEFT + across.share(value) * (WIDTH - LEFT - RIGHT)


def _y(up: Scale, value: float) -> float:
    return TOP + (1 - up.share(value)) * (HEIGHT - TOP - BOTTOM)


def _svg(parts: Sequence[Markup], label: str) -> Markup:
    return tag("svg", *parts, xmlns="http://www.w3.org/2000/svg", role="img", aria_label=label,
               viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}", width="100%")  # fmt: skip
