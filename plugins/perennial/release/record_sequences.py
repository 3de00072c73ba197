"""A guardrail's confidence sequence against its limit, phase by phase: points in, markup out.

Each phase has a panel of its own, because its evidence is its own. Along it run the observations,
on a logarithmic scale: a band narrows about as fast at its first hundred as at its next ten
thousand. Bounds that are far off the limit at first are cut at the plot's edge.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markupsafe import Markup

from perennial.draw.elements import percent, tag
from perennial.draw.formats import between, count, number
from perennial.draw.scales import Scale
from perennial.release.record_history import Point

Phases = Sequence[tuple[str, Sequence[Point]]]

TWO_SIDED = ("score_shift",)
"""Guardrails whose limit holds either way."""

MANY = ("slices",)
"""Guardrails that stand for many numbers and tell of the worst: these are no sequence."""

MOST_DRAWN = 160
"""Points that are drawn in one panel."""

SIGNS = {"passed": "✓", "failed": "✗"}
GAP = 0.025


def is_drawn(name: str, phases: Phases) -> bool:
    """Whether it is a sequence that has begun: numbers against a limit."""
    return name not in MANY and any(_is_known(each) for _, points in phases for each in points)


def confidence_sequence(name: str, phases: Phases) -> Markup:
    """The plot of one guardrail; a sentence for those who do not see it stands in its label."""
    seen = [(title, [p for p in points if _is_known(p)]) for title, points in phases]
    seen = [(title, points) for title, points in seen if points]
    upright = _scale(name, [points for _, points in seen])
    limits = _limits(name, [points for _, points in seen])
    panels = list(_panels(len(seen)))
    parts = [_beyond(upright, limits)]
    parts += [_level(upright, value, "grid-line") for value in upright.ticks()]
    parts += [_level(upright, 0.0, "zero")] if upright.low < 0 < upright.high else []
    for (_, points), panel in zip(seen, panels, strict=True):
        parts.append(_panel(_thinned(points), panel, upright))
    parts += [_level(upright, each, "limit") for each in limits]
    area = tag("svg", *parts, class_="area", role="img", aria_label=_sentence(name, seen))
    field = tag("div", _up(upright, limits), area, _along(seen, panels), class_="field")
    return tag("div", _heads(seen, panels), field, class_="drawn sequence")


def turn_of(points: Sequence[Point]) -> Point | None:
    """Where the last verdict began: the first point since which the outcome stayed the same."""
    last = points[-1].outcome
    if last not in SIGNS:
        return None
    for later, earlier in pairwise(reversed(points)):
        if earlier.outcome != last:
            return later
    return points[0]


def _is_known(point: Point) -> bool:
    return point.n > 0 and point.estimate is not None and point.limit is not None


def _limits(name: str, series: Sequence[Sequence[Point]]) -> list[float]:
    limit = series[-1][-1].limit
    assert limit is not None
    return [limit, -limit] if name in TWO_SIDED else [limit]


def _scale(name: str, series: Sequence[Sequence[Point]]) -> Scale:
    """Zero, the limits, and where each phase ended; what lies far beyond these is cut."""
    ends = [points[-1] for points in series]
    inner = [0.0, *_limits(name, series), *(each.estimate for each in ends)]
    known = [each for each in inner if each is not None]
    reach = max(known) - min(known) or abs(known[0]) or 1.0
    outer = [each for end in ends for each in (end.low, end.high) if each is not None]
    kept = [min(max(each, min(known) - 1.5 * reach), max(known) + 1.5 * reach) for each in outer]
    return Scale.over([*known, *kept], margin=0.1)


def _panels(n: int) -> Iterator[tuple[float, float]]:
    width = (1 - GAP * (n - 1)) / n
    for place in range(n):
        left = place * (width + GAP)
        yield left, left + width


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most so many, the ends and every change of the outcome among them."""
    every = -(-len(points) // MOST_DRAWN)
    turns = {place for place in range(1, len(points))
             if points[place].outcome != points[place - 1].outcome}  # fmt: skip
    turns |= {0, len(points) - 1}
    return [each for place, each in enumerate(points) if place % every == 0 or place in turns]


def _panel(points: Sequence[Point], panel: tuple[float, float], upright: Scale) -> Markup:
    left, right = panel
    xs = _xs(points)
    drawn = tag("polygon", points=_band(points, xs, upright), class_="band")
    line = [f"{x:.2f},{_y(upright, p.estimate, 0.0):.2f}" for x, p in zip(xs, points, strict=True)]
    drawn += tag("polyline", points=" ".join(line), class_="line")
    turn = turn_of(points)
    if turn is not None:
        x = xs[list(points).index(turn)]
        drawn += tag("line", x1=x, x2=x, y1=0, y2=100, class_=f"turn {turn.outcome}")
    inner = tag(
        "svg", drawn, viewBox="0 0 100 100", preserveAspectRatio="none", width="100%",
        height="100%", aria_hidden="true",
    )  # fmt: skip
    last = points[-1]
    dot = tag(
        "circle", tag("title", _words(last)), cx=f"{xs[-1]:.2f}%",
        cy=f"{_y(upright, last.estimate, 0.0):.2f}%", r=3.5, class_=f"dot {last.outcome}",
    )  # fmt: skip
    frame = tag("rect", x="0%", y="0%", width="100%", height="100%", class_="frame")
    return tag(
        "svg", frame, inner, dot, x=percent(left), width=percent(right - left), y="0%",
        height="100%", class_="panel-of", aria_hidden="true",
    )  # fmt: skip


def _xs(points: Sequence[Point]) -> list[float]:
    """Places of 0 to 100 along a panel, by the logarithm of the observations."""
    first, last = math.log(points[0].n), math.log(points[-1].n)
    if last <= first:
        return [50.0] * len(points)
    return [3 + 94 * (math.log(each.n) - first) / (last - first) for each in points]


def _band(points: Sequence[Point], xs: Sequence[float], upright: Scale) -> str:
    placed = list(zip(xs, points, strict=True))
    if len(placed) == 1:  # one measurement has an interval too
        placed = [(xs[0] - 2, points[0]), (xs[0] + 2, points[0])]
    upper = [f"{x:.2f},{_y(upright, each.high, math.inf):.2f}" for x, each in placed]
    lower = [f"{x:.2f},{_y(upright, each.low, -math.inf):.2f}" for x, each in placed]
    return " ".join([*upper, *reversed(lower)])


def _y(upright: Scale, value: float | None, missing: float) -> float:
    return 100 - 100 * upright.share(missing if value is None else value)


def _beyond(upright: Scale, limits: Sequence[float]) -> Markup:
    """What must not be reached, shaded."""
    top = tag("rect", x="0%", y="0%", width="100%", height=percent(1 - upright.share(limits[0])),
              class_="beyond")  # fmt: skip
    if len(limits) < 2:
        return top
    y = 1 - upright.share(limits[1])
    return top + tag(
        "rect", x="0%", y=percent(y), width="100%", height=percent(1 - y), class_="beyond"
    )


def _level(upright: Scale, value: float, kind: str) -> Markup:
    y = percent(1 - upright.share(value))
    return tag("line", x1="0%", x2="100%", y1=y, y2=y, class_=kind)


def _up(upright: Scale, limits: Sequence[float]) -> Markup:
    """The scale's values; those that would touch a limit's give way to it."""
    labels: list[tuple[float, str, str | None]]
    labels = [(each, number(each), "at-limit") for each in limits]
    labels += [
        (value, text, None) for value, text in upright.labels()
        if all(abs(upright.share(value) - upright.share(each)) > 0.09 for each in limits)
    ]  # fmt: skip
    spans = (
        tag("span", text, class_=kind, style=f"top:{percent(1 - upright.share(value))}")
        for value, text, kind in labels
    )
    return tag("div", *spans, class_="ys", aria_hidden="true")


def _along(seen: Phases, panels: Sequence[tuple[float, float]]) -> Markup:
    """The last number of observations of each panel; the first too where there is room."""
    spans = []
    for (_, points), (left, right) in zip(seen, panels, strict=True):
        last = tag("span", count(points[-1].n), class_="last")
        first = tag("span", count(points[0].n)) if points[0].n != points[-1].n else Markup("")
        style = f"left:{percent(left)};width:{percent(right - left)}"
        spans.append(tag("div", first, last, style=style))
    kind = "ns" if len(seen) <= 4 else "ns narrow"
    return tag("div", *spans, class_=kind, aria_hidden="true")


def _heads(seen: Phases, panels: Sequence[tuple[float, float]]) -> Markup:
    spans = []
    for (title, points), (left, right) in zip(seen, panels, strict=True):
        outcome, turn = points[-1].outcome, turn_of(points)
        verdict = f"{SIGNS[outcome]} {count(turn.n)}" if turn else "open"
        style = f"left:{percent(left)};width:{percent(right - left)}"
        spans.append(
            tag("span", title, tag("b", verdict, class_=outcome), style=style,
                title=f"{title}: {_words(points[-1])}")
        )  # fmt: skip
    return tag("div", *spans, class_="heads", aria_hidden="true")


def _words(point: Point) -> str:
    return (
        f"{number(point.estimate)} ({between(point.low, point.high)}) after {count(point.n)}, "
        f"limit {number(point.limit)}: {point.outcome}"
    )


def _sentence(name: str, seen: Phases) -> str:
    return f"{name}: " + "; ".join(f"in {title} {_words(points[-1])}" for title, points in seen)
