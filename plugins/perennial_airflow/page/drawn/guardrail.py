"""One measurement of a release: estimate and interval against the limit it must keep."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from perennial.draw.elements import percent, tag
from perennial.draw.formats import between, number
from perennial.draw.scales import Scale


@dataclass(frozen=True)
class Measurement:
    """A difference (challenger minus champion), how sure it is, and its limit either way."""

    name: str
    estimate: float | None
    low: float | None
    high: float | None
    limit: float | None
    floor: float | None = None
    outcome: str = "unknown"
    says: str = ""


def guardrail(measured: Measurement) -> Markup:
    """A bar along an axis that holds zero, the interval and the limit; these are written below."""
    limits = [(measured.limit, 1.0), (measured.floor, 0.0)]
    across = Scale.over((0.0, measured.estimate, measured.low, measured.high,
                         measured.limit, measured.floor), margin=0.12)  # fmt: skip
    parts = [_zero(across.share(0.0))]
    parts += [_limit(across, limit, end) for limit, end in limits if limit is not None]
    parts.append(_bar(measured, across))
    return tag(
        "svg", *parts, width="100%", height="52", class_=f"guardrail {measured.outcome}",
        role="img", aria_label=_sentence(measured),
    )  # fmt: skip


def _sentence(measured: Measurement) -> str:
    return (
        f"{measured.name}: {number(measured.estimate)}, interval "
        f"{between(measured.low, measured.high)}, limit {number(measured.limit)}"
    )


def _zero(at: float) -> Markup:
    return tag("line", x1=percent(at), x2=percent(at), y1=4, y2=34, class_="zero") + _label(at, "0")


def _limit(across: Scale, limit: float, end: float) -> Markup:
    """The line that must not be reached, and what lies beyond it up to an end, shaded."""
    at = across.share(limit)
    x, width = percent(min(at, end)), percent(abs(end - at))
    shaded = tag("rect", x=x, width=width, y=4, height=30, class_="beyond")
    line = tag("line", x1=percent(at), x2=percent(at), y1=2, y2=36, class_="limit")
    return shaded + line + _label(at, number(limit), "at-limit")


def _bar(measured: Measurement, across: Scale) -> Markup:
    """The interval from end to end (an open end goes to the edge), and the estimate on it."""
    if measured.estimate is None and measured.low is None and measured.high is None:
        return tag("text", "nothing known yet", x="50%", y=23, text_anchor="middle")
    low = 0.0 if measured.low is None else across.share(measured.low)
    high = 1.0 if measured.high is None else across.share(measured.high)
    bar = tag(
        "rect", x=percent(low), width=percent(max(high - low, 0.002)), y=13, height=12, rx=3,
        class_="bar",
    )  # fmt: skip
    if measured.estimate is None:
        return bar
    x = percent(across.share(measured.estimate))
    return bar + tag("circle", cx=x, cy=19, r=5, class_="estimate")


def _label(at: float, text: str, kind: str | None = None) -> Markup:
    anchor = "start" if at < 0.04 else "end" if at > 0.96 else "middle"
    return tag("text", text, x=percent(at), y=48, text_anchor=anchor, class_=kind)
