"""A metric over the nights: line, interval, what was expected, and when a version took over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from perennial.draw.elements import percent, tag
from perennial.draw.formats import between, number
from perennial.draw.scales import Scale
from perennial.watch.drawing import Point

EMPTY = Markup("")


@dataclass(frozen=True)
class Mark:
    """Something that happened on a night."""

    night: str
    label: str


def series(name: str, points: Sequence[Point], marks: Sequence[Mark] = ()) -> Markup:
    """The plot of one metric; a sentence for those who do not see it stands in its label."""
    vertical = Scale.over(
        value for each in points for value in (each.estimate, each.low, each.high, each.expected)
    )
    places = {each.night: _across(index, len(points)) for index, each in enumerate(points)}
    area = tag(
        "svg",
        *(_grid(vertical, value) for value in vertical.ticks()),
        _stretched(_band(points, places, vertical) + _lines(points, places, vertical)),
        *(_mark(each, places) for each in marks if each.night in places),
        *(_dot(each, places, vertical) for each in points if each.estimate is not None),
        class_="area", role="img", aria_label=_sentence(name, points),
    )  # fmt: skip
    return tag("div", _up(vertical), area, _along(points, places), class_="plot")


def _across(index: int, n: int) -> float:
    """The nights at even distances, with room for half a dot at the ends."""
    return 0.5 if n < 2 else 0.015 + 0.97 * index / (n - 1)


def _stretched(inside: Markup) -> Markup:
    """Lines in units of 0 to 100 both ways, whatever the shape of the plot."""
    return tag(
        "svg", inside, viewBox="0 0 100 100", preserveAspectRatio="none", width="100%",
        height="100%", aria_hidden="true",
    )  # fmt: skip


def _xy(places: dict[str, float], vertical: Scale, night: str, value: float) -> str:
    return f"{100 * places[night]:.2f},{100 - 100 * vertical.share(value):.2f}"


def _band(points: Sequence[Point], places: dict[str, float], vertical: Scale) -> Markup:
    """The intervals; a night without one leaves a gap."""
    drawn = EMPTY
    for run in _runs(points, lambda each: each.low is not None and each.high is not None):
        upper = [_xy(places, vertical, each.night, each.high or 0.0) for each in run]
        lower = [_xy(places, vertical, each.night, each.low or 0.0) for each in reversed(run)]
        drawn += tag("polygon", points=" ".join(upper + lower), class_="band")
    return drawn


def _lines(points: Sequence[Point], places: dict[str, float], vertical: Scale) -> Markup:
    drawn = EMPTY
    for run in _runs(points, lambda each: each.expected is not None):
        for left, right in pairwise(run):
            level = 100 - 100 * vertical.share(left.expected or 0.0)
            drawn += tag(
                "line", x1=100 * places[left.night], x2=100 * places[right.night], y1=level,
                y2=level, class_="expected",
            )  # fmt: skip
    for run in _runs(points, lambda each: each.estimate is not None):
        along = " ".join(_xy(places, vertical, each.night, each.estimate or 0.0) for each in run)
        drawn += tag("polyline", points=along, class_="line")
    return drawn


def _runs(points: Sequence[Point], is_known: object) -> list[list[Point]]:
    """The points in stretches without a gap."""
    assert callable(is_known)
    runs: list[list[Point]] = [[]]
    for each in points:
        if is_known(each):
            runs[-1].append(each)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _dot(point: Point, places: dict[str, float], vertical: Scale) -> Markup:
    assert point.estimate is not None
    told = f"{point.night}: {number(point.estimate)}"
    if point.low is not None and point.high is not None:
        told += f" ({between(point.low, point.high)})"
    if point.expected is not None:
        told += f", expected {number(point.expected)}"
    x, y = percent(places[point.night]), percent(1 - vertical.share(point.estimate))
    is_worse = point.state == "worse"
    return tag(
        "circle", tag("title", told), cx=x, cy=y, r=5 if is_worse else 3,
        class_="dot worse" if is_worse else "dot",
    )  # fmt: skip


def _mark(mark: Mark, places: dict[str, float]) -> Markup:
    x = percent(places[mark.night])
    end = "end" if places[mark.night] > 0.6 else "start"
    return tag("line", x1=x, x2=x, y1="0%", y2="100%", class_="mark") + tag(
        "text", mark.label, x=x, y=10, dx=-4 if end == "end" else 4, text_anchor=end,
        class_="mark-label",
    )  # fmt: skip


def _grid(vertical: Scale, value: float) -> Markup:
    y = percent(1 - vertical.share(value))
    return tag("line", x1="0%", x2="100%", y1=y, y2=y, class_="grid-line")


def _up(vertical: Scale) -> Markup:
    labels = (
        tag("span", label, style=f"top:{percent(1 - vertical.share(value))}")
        for value, label in vertical.labels()
    )
    return tag("div", *labels, class_="ys", aria_hidden="true")


def _along(points: Sequence[Point], places: dict[str, float]) -> Markup:
    n = len(points)
    shown = sorted({0, n // 2, n - 1}) if n > 2 else range(n)
    labels = (
        tag("span", points[index].night, style=f"left:{percent(places[points[index].night])}")
        for index in shown
    )
    return tag("div", *labels, class_="xs", aria_hidden="true")


def _sentence(name: str, points: Sequence[Point]) -> str:
    known = [each for each in points if each.estimate is not None]
    if not known:
        return f"{name}: not known on any night yet"
    last = known[-1]
    return (
        f"{name} over {len(known)} nights from {known[0].night} to {last.night}; "
        f"last {number(last.estimate)}, expected {number(last.expected)}"
    )
