"""One measurement of a release: estimate and interval against the limit it must keep."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from perennial_airflow.page.formats import between, number
from perennial_airflow.page.scales import Scale
from perennial_airflow.page.svg import percent, tag


@dataclass(frozen=True)
class Measurement:
    """A difference (challenger minus champion), how sure it is, and its limit."""

    name: str
    estimate: float | None
    low: float | None
    high: float | None
    limit: float | None
    outcome: str
    sentence: str = ""
    n: int | None = None


def guardrail(measured: Measurement) -> Markup:
    """A bar along an axis that holds zero, the interval and the limit."""
    values = (0.0, measured.estimate, measured.low, measured.high, measured.limit)
    across = Scale.over(values, margin=0.12)
    parts = [_zero(across), _beyond(measured, across), _bar(measured, across)]
    parts += [_limit(measured, across), *(_tick(across, value) for value in across.ticks(3))]
    return tag(
        "svg", *parts, width="100%", height="52", class_=f"guardrail {measured.outcome}",
        role="img", aria_label=_sentence(measured),
    )  # fmt: skip


def _sentence(measured: Measurement) -> str:
    return (
        f"{measured.name}: {number(measured.estimate)}, interval "
        f"{between(measured.low, measured.high)}, limit {number(measured.limit)}"
    )


def _zero(across: Scale) -> Markup:
    x = percent(across.share(0.0))
    return tag("line", x1=x, x2=x, y1=4, y2=34, class_="zero")


def _beyond(measured: Measurement, across: Scale) -> Markup:
    """What may not be reached, shaded."""
    if measured.limit is None:
        return Markup("")
    at = across.share(measured.limit)
    width = percent(1 - at)
    return tag("rect", x=percent(at), width=width, y=4, height=30, class_="beyond")


def _limit(measured: Measurement, across: Scale) -> Markup:
    if measured.limit is None:
        return Markup("")
    x = percent(across.share(measured.limit))
    return tag("line", x1=x, x2=x, y1=2, y2=36, class_="limit")


def _bar(measured: Measurement, across: Scale) -> Markup:
    """The interval from end to end (an open end goes to the edge), and the estimate on it."""
    if measured.estimate is None and measured.low is None and measured.high is None:
        return tag("text", "not measured yet", x="50%", y=23, text_anchor="middle", class_="soft")
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


def _tick(across: Scale, value: float) -> Markup:
    at = across.share(value)
    anchor = "start" if at < 0.06 else "end" if at > 0.94 else "middle"
    return tag("text", number(value), x=percent(at), y=48, text_anchor=anchor, class_="tick")
