"""The page of a replay, and its picture: files that open without a network and need no script."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from perennial.draw import formats
from perennial.draw.elements import tag
from perennial.draw.templates import templates
from perennial.judge.judged import Value
from perennial.measure.metrics import METRICS
from perennial.replay.policies import drawing
from perennial.replay.policies.replayed import Replayed

PAGES = Path(__file__).parent / "pages"


def page(report: Replayed) -> str:
    """The page, as HTML."""
    metrics = list(report.policies[0].metrics)
    pages = templates(
        PAGES,
        count=formats.count,
        many=formats.many,
        four=_four,
        between=_between,
        better=lambda name: "higher" if METRICS[name].sign > 0 else "lower",
    )
    return pages.get_template("policies.j2").render(
        report=report,
        metrics=metrics,
        frontiers=[(name, drawing.frontier(report, name)) for name in metrics],
        months=[(name, drawing.months(report, name)) for name in metrics],
        names=sorted({month.month for each in report.policies for month in each.months}),
        colour=drawing.colour,
    )


def picture(report: Replayed) -> str:
    """The frontier of the primary metric as an SVG file of its own, for a document."""
    style = tag("style", Markup((PAGES / "drawings.css").read_text()))  # noqa: S704 - ours
    backing = tag("rect", width="100%", height="100%", style="fill: var(--panel)")
    start, _, inside = str(drawing.frontier(report, report.primary)).partition(">")
    return f"{start}>{style}{backing}{inside}\n"


def _four(value: float | None) -> str:
    return formats.NONE if value is None else f"{value:.4f}".replace("-", "−")


def _between(value: Value) -> str:
    return f"{_four(value.low)} to {_four(value.high)}"
