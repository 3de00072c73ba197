"""Who answered how much, over the time of a release: numbers in, markup out.

Time runs in true proportion within each stretch, and each stretch has a least width, so that a
minute of shadow is seen beside a day after promotion; the times below tell which is which.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from markupsafe import Markup

from perennial.draw.elements import percent, tag
from perennial.draw.formats import share, words
from perennial.release.record_times import Hold, Stretch

LEAST = 0.11
"""The least part of the width that a stretch takes."""

APART = {False: 0.27, True: 0.36}
"""How far times along the axis are apart at least, as a part of its width on a phone; True with
dates."""


class Along:
    """Where moments lie along the axis, 0 to 1."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        seconds = [(each.end - each.start).total_seconds() for each in stretches]
        least = min(LEAST, 1 / len(stretches))
        whole = sum(seconds) or 1.0
        widths = [max(least, each / whole) for each in seconds]
        room = 1 - least * len(widths)  # what those that are wider than the least may share
        spare = sum(each - least for each in widths)
        widths = [least + (each - least) * (room / spare if spare else 0.0) for each in widths]
        widths = widths if spare else [1 / len(widths)] * len(widths)
        self.stretches = stretches
        self.edges = [0.0]
        for each in widths:
            self.edges.append(self.edges[-1] + each)

    def share(self, at: datetime) -> float:
        """The place of a moment, kept within the axis."""
        for stretch, (left, right) in zip(self.stretches, pairwise(self.edges), strict=True):
            if at <= stretch.end:
                length = (stretch.end - stretch.start).total_seconds()
                gone = (at - stretch.start).total_seconds() / length if length else 0.0
                return left + (right - left) * min(1.0, max(0.0, gone))
        return 1.0


def traffic_over_time(stretches: Sequence[Stretch], holds: Sequence[Hold] = ()) -> Markup:
    """The new version's share as an area, copies as a dashed line, phases named above."""
    if not stretches:
        return tag("p", "Nothing has moved yet.", class_="soft")
    along = Along(stretches)
    parts = [_phase(along, place) for place in range(len(stretches))]
    parts += [_grid(each) for each in (0.0, 0.5, 1.0)]
    parts += [_answered(along, place) for place in range(len(stretches))]
    parts += [_copied(along, place) for place, s in enumerate(stretches) if s.copied > 0]
    parts += [_held(along, each) for each in holds]
    area = tag("svg", *parts, class_="area", role="img", aria_label=_sentence(stretches, holds))
    field = tag("div", _up(), area, _times(along), class_="field")
    return tag("div", _heads(along), field, class_="drawn over-time")


def _phase(along: Along, place: int) -> Markup:
    left, right = along.edges[place : place + 2]
    told = tag("title", _told(along.stretches[place]))
    x, width = percent(left), percent(right - left)
    kind = "phase odd" if place % 2 else "phase"
    return tag("rect", told, x=x, y="0%", width=width, height="100%", class_=kind)


def _answered(along: Along, place: int) -> Markup:
    stretch, (left, right) = along.stretches[place], along.edges[place : place + 2]
    if stretch.weight <= 0:
        return Markup("")
    told = tag("title", _told(stretch))
    x, y = percent(left), percent(1 - stretch.weight)
    width, height = percent(right - left), percent(stretch.weight)
    return tag("rect", told, x=x, y=y, width=width, height=height, class_="answered")


def _copied(along: Along, place: int) -> Markup:
    stretch, (left, right) = along.stretches[place], along.edges[place : place + 2]
    y = percent(1 - stretch.copied)
    return tag("line", x1=percent(left), x2=percent(right), y1=y, y2=y, class_="copied")


def _held(along: Along, hold: Hold) -> Markup:
    left, right = along.share(hold.start), along.share(hold.end)
    by = f" by {hold.actor}" if hold.actor else ""
    told = f"{words(hold.action)}{by}, {_range(hold.start, hold.end)}: {hold.why}"
    width = percent(max(right - left, 0.004))
    kind = f"hold {hold.action}"
    title = tag("title", told)
    return tag("rect", title, x=percent(left), y="0%", width=width, height="100%", class_=kind)


def _grid(value: float) -> Markup:
    y = percent(1 - value)
    return tag("line", x1="0%", x2="100%", y1=y, y2=y, class_="grid-line")


def _heads(along: Along) -> Markup:
    spans = [
        tag("span", each.short, title=_told(each), style=_placed(left, right))
        for each, (left, right) in zip(along.stretches, pairwise(along.edges), strict=True)
    ]
    return tag("div", *spans, class_="heads", aria_hidden="true")


def _placed(left: float, right: float) -> str:
    return f"left:{percent(left)};width:{percent(right - left)}"


def _up() -> Markup:
    labels = (
        tag("span", share(each), style=f"top:{percent(1 - each)}") for each in (1.0, 0.5, 0.0)
    )
    return tag("div", *labels, class_="ys", aria_hidden="true")


def _times(along: Along) -> Markup:
    """The moments between stretches, as far as they have room; the last one always."""
    moments = [along.stretches[0].start, *(each.end for each in along.stretches)]
    is_long = moments[-1].date() != moments[0].date()
    apart = APART[is_long]
    shown: list[int] = []
    for place, edge in enumerate(along.edges[:-1]):
        if (not shown or edge - along.edges[shown[-1]] >= apart) and 1 - edge >= apart:
            shown.append(place)
    labels = [
        tag("span", _time(moments[place], is_long), style=f"left:{percent(along.edges[place])}")
        for place in [*shown, len(moments) - 1]
    ]
    return tag("div", *labels, class_="xs", aria_hidden="true")


def _time(at: datetime, is_long: bool) -> str:
    return f"{at:%m-%d %H:%M}" if is_long else f"{at:%H:%M:%S}"


def _told(stretch: Stretch) -> str:
    copies = f", {share(stretch.copied)} copied" if stretch.copied else ""
    return (
        f"{stretch.name}, {_range(stretch.start, stretch.end)}: the new version answers "
        f"{share(stretch.weight)}{copies}"
    )


def _range(start: datetime, end: datetime) -> str:
    return f"{start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC"


def _sentence(stretches: Sequence[Stretch], holds: Sequence[Hold]) -> str:
    went = ", then ".join(
        f"{each.name} for {(each.end - each.start).total_seconds():.0f} s" for each in stretches
    )
    held = f"; held {len(holds)} times" if holds else ""
    return f"Traffic over time: {went}{held}"
