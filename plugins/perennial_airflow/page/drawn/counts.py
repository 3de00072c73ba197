"""Answers and failures, one bar a night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from perennial_airflow.page.formats import count
from perennial_airflow.page.svg import percent, tag

ROOM = 0.92  # of the height, for the tallest bar


@dataclass(frozen=True)
class Counted:
    """What the servers did in the days that one night watched."""

    night: str
    n_answers: int
    n_failures: int


def counts(nights: Sequence[Counted]) -> Markup:
    """Bars of answers with the failures on top; nights from left to right."""
    most = max((each.n_answers + each.n_failures for each in nights), default=0) or 1
    wide = 1 / max(1, len(nights))
    bars = (_bar(each, index * wide, wide, most) for index, each in enumerate(nights))
    area = tag("svg", *bars, class_="area", role="img", aria_label=_sentence(nights))
    up = tag("span", count(most), style=f"top:{percent(1 - ROOM)}") + tag(
        "span", "0", style="top:100%"
    )
    ends = {"0%": nights[0].night, "100%": nights[-1].night} if len(nights) > 1 else {}
    along = (tag("span", night, style=f"left:{place}") for place, night in ends.items())
    return tag(
        "div", tag("div", up, class_="ys", aria_hidden="true"), area,
        tag("div", *along, class_="xs ends", aria_hidden="true"), class_="plot low",
    )  # fmt: skip


def _bar(each: Counted, left: float, wide: float, most: int) -> Markup:
    told = f"{each.night}: {count(each.n_answers)} answers, {count(each.n_failures)} failures"
    place = {"x": percent(left + 0.1 * wide), "width": percent(0.8 * wide)}
    answered, failed = ROOM * each.n_answers / most, ROOM * each.n_failures / most
    top = 1 - answered - failed
    return tag(
        "g",
        tag("title", told),
        tag("rect", y=percent(1 - answered), height=percent(answered), class_="answers", **place),
        tag("rect", y=percent(top), height=percent(failed), class_="failures", **place),
    )


def _sentence(nights: Sequence[Counted]) -> str:
    answers = sum(each.n_answers for each in nights)
    failures = sum(each.n_failures for each in nights)
    return f"{count(answers)} answers and {count(failures)} failures over {len(nights)} nights"
