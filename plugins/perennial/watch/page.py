"""The night's page: one file that opens without a network, also on a phone."""

from __future__ import annotations

from pathlib import Path

from perennial.declare.model import Model
from perennial.draw.elements import breakable
from perennial.draw.templates import templates
from perennial.watch.drawn import (
    Nights,
    distribution_of,
    heat_map_of,
    metric_over_nights,
    most_telling,
)
from perennial.watch.watched import Watched

PAGES = Path(__file__).parent / "pages"

N_NIGHTS = 30
IN_WORDS = {
    "quiet": "Nothing that matters has changed.",
    "suspected": "Something lies outside of what is usual, but not for long enough to count.",
    "drifted": "What comes in, what goes out, or what an answer means has changed.",
    "worse": "The answers have become worse.",
    "broken": "The data of the watched days are not whole.",
    "unknown": "There is too little to tell.",
}
REAL = {
    True: "It costs performance.",
    False: "Performance is as expected all the same.",
    None: "",
}
LEVELS = ("alarm", "suspected", "unknown", "note")


def page(report: Watched, before: Nights, model: Model) -> str:
    """The page of a report; `before` are the nights before it, the oldest first."""
    nights = [*before, report][-N_NIGHTS:]
    metrics = dict.fromkeys([model.judge.primary, *(each.metric for each in report.performance)])
    pages = templates(PAGES, number=_number, distance=_distance, breakable=breakable)
    return pages.get_template("night.j2").render(
        report=report,
        model=model,
        words=f"{IN_WORDS[report.state]} {REAL[report.is_real]}".strip(),
        findings=sorted(report.findings, key=lambda each: LEVELS.index(each.level)),
        telling=[(each, distribution_of(each)) for each in most_telling(report)],
        metrics=[(name, metric_over_nights(nights, report.at, name)) for name in metrics],
        heat_map=heat_map_of(nights, report.at),
        columns=sorted(report.columns, key=lambda each: (each.role == "feature", -each.weight)),
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _distance(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
