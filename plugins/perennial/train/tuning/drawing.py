"""Drawings of a tuning: trial after trial, and the metric along each searched parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from perennial.draw.elements import tag
from perennial.draw.formats import number
from perennial.draw.scales import Scale
from perennial.train.tuning.tuned import TrialTold, Tuned

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 720.0, 66.0, 18.0, 14.0, 44.0
TALL, SMALL = 340.0, 300.0


def trials(report: Tuned) -> Markup:
    """Each complete trial's value, the best so far as a line, pruned ones as marks at the foot."""
    complete = _complete(report)
    across = Scale(-0.5, max(report.n_trials - 0.5, 0.5))
    up = Scale.over([each.value for each in complete])
    parts = [_levels(up, report.metric, TALL)]
    ticks = [int(each) for each in across.ticks(8) if each >= 0 and each == int(each)]
    parts += [_under(across.share(tick), str(tick), TALL) for tick in ticks]
    parts += [_title("trial, in the order in which they were tried", TALL)]
    parts += [_declared(report, up, TALL), _best_so_far(report, across, up)]
    for each in report.trials:
        if each.value is None:
            told = f"trial {each.number}, pruned after {len(each.folds)} of {len(report.folds)}"
            x, foot = _x(across.share(each.number)), TALL - BOTTOM
            parts.append(tag("line", tag("title", told), x1=x, x2=x, y1=foot - 9, y2=foot,
                             class_="pruned"))  # fmt: skip
        else:
            parts.append(_point(report, each, across.share(each.number), up, TALL))
    return _svg(parts, f"{report.metric} of each trial", TALL)


def along(report: Tuned, name: str, *, is_log: bool) -> Markup:
    """The complete trials by the value of one parameter."""
    complete = _complete(report)
    up = Scale.over([each.value for each in complete])
    values = [each.parameters[name] for each in complete]
    parts = [_levels(up, report.metric, SMALL), _title(name, SMALL)]
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in values):
        is_log = is_log and min(values) > 0
        places = [math.log10(each) if is_log else float(each) for each in values]
        scale = Scale.over(places)
        for place, text in _ticks(scale, is_log):
            parts.append(_under(scale.share(place), text, SMALL))
        shares = [scale.share(place) for place in places]
    else:
        names = sorted({str(each) for each in values})
        shares = [(names.index(str(each)) + 0.5) / len(names) for each in values]
        parts += [_under((n + 0.5) / len(names), text, SMALL) for n, text in enumerate(names)]
    parts.append(_declared(report, up, SMALL))
    parts += [
        _point(report, each, share, up, SMALL) for each, share in zip(complete, shares, strict=True)
    ]
    return _svg(parts, f"{report.metric} by {name}", SMALL)


def _ticks(scale: Scale, is_log: bool) -> list[tuple[float, str]]:
    if not is_log:
        return scale.labels(5)
    found = [
        (math.log10(each), number(each))
        for decade in range(math.floor(scale.low), math.ceil(scale.high) + 1)
        for step in (1, 2, 5)
        if scale.low <= math.log10(each := step * 10.0**decade) <= scale.high
    ]
    return found[:: max(1, len(found) // 6)]


def _complete(report: Tuned) -> list[TrialTold]:
    return [each for each in report.trials if each.value is not None]


def _best_so_far(report: Tuned, across: Scale, up: Scale) -> Markup:
    better = max if report.direction == "higher" else min
    points: list[str] = []
    best: float | None = None
    for each in _complete(report):
        x, value = _x(across.share(each.number)), each.value or 0.0
        if best is not None:
            points.append(f"{x:.1f},{_y(up, best, TALL):.1f}")
        best = value if best is None else better(best, value)
        points.append(f"{x:.1f},{_y(up, best, TALL):.1f}")
    return tag("polyline", points=" ".join(points), class_="so-far")


def _declared(report: Tuned, up: Scale, height: float) -> Markup:
    y = _y(up, report.trials[0].value or 0.0, height)
    return tag("line", tag("title", "the declared parameters"), x1=LEFT, x2=WIDTH - RIGHT, y1=y,
               y2=y, class_="declared")  # fmt: skip


def _point(report: Tuned, each: TrialTold, share: float, up: Scale, height: float) -> Markup:
    kind = "best" if each.number == report.best else "first" if each.number == 0 else ""
    told = ", ".join(f"{name} {_short(value)}" for name, value in each.parameters.items())
    title = f"trial {each.number}: {report.metric} {each.value:.5f} ({told})"
    return tag("circle", tag("title", title), cx=_x(share), cy=_y(up, each.value or 0.0, height),
               r=5.0, class_=f"point {kind}".strip())  # fmt: skip


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _levels(up: Scale, metric: str, height: float) -> Markup:
    parts = []
    for value, text in up.labels(5):
        y = _y(up, value, height)
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", text, x=LEFT - 7, y=y + 4, text_anchor="end", class_="axis"))
    middle = (TOP + height - BOTTOM) / 2
    parts.append(tag("text", metric.replace("_", " "), x=14, y=middle, text_anchor="middle",
                     class_="axis", transform=f"rotate(-90 14 {middle:.0f})"))  # fmt: skip
    return Markup("").join(parts)


def _under(share: float, text: str, height: float) -> Markup:
    return tag("text", text, x=_x(share), y=height - 24, text_anchor="middle", class_="axis")


def _title(text: str, height: float) -> Markup:
    return tag("text", text, x=(LEFT + WIDTH - RIGHT) / 2, y=height - 6, text_anchor="middle",
               class_="axis")  # fmt: skip


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(up: Scale, value: float, height: float) -> float:
    return TOP + (1 - up.share(value)) * (height - TOP - BOTTOM)


def _svg(parts: Sequence[Markup], label: str, height: float) -> Markup:
    return tag("svg", *parts, xmlns="http://www.w3.org/2000/svg", role="img", aria_label=label,
               viewBox=f"0 0 {WIDTH:.0f} {height:.0f}", width="100%")  # fmt: skip
