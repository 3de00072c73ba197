"""How many, one bar a night."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from perennial.draw.elements import percent, tag
from perennial.draw.formats import many

ROOM = 0.92  # of the height, for the tallest bar


def counts(thing: str, nights: Sequence[str], numbers: Sequence[int | None], kind: str) -> Markup:
    """Bars from left to right; a night without a number is left out."""
    most = max((each for each in numbers if each is not None), default=0) or 1
    wide = 1 / max(1, len(nights))
    bars = (
        _bar(f"{night}: {many(number, thing)}", index * wide, wide, number / most)
        for index, (night, number) in enumerate(zip(nights, numbers, strict=True))
        if number is not None
    )
    total = sum(each for each in numbers if each is not None)
    told = f"{many(total, thing)} over {many(len(nights), 'night')}"
    area = tag("svg", *bars, class_=f"area {kind}", role="img", aria_label=told)
    up = tag("span", f"{most:,}", style=f"top:{percent(1 - ROOM)}") + tag(
        "span", "0", style="top:100%"
    )
    ends = {"0%": nights[0], "100%": nights[-1]} if len(nights) > 1 else {"0%": "".join(nights)}
    along = (tag("span", night, style=f"left:{place}") for place, night in ends.items())
    return tag(
        "div", tag("div", up, class_="ys", aria_hidden="true"), area,
        tag("div", *along, class_="xs", aria_hidden="true"), class_="plot low",
    )  # fmt: skip


def _bar(told: str, left: float, wide: float, tall: float) -> Markup:
    return tag(
        "rect", tag("title", told), x=percent(left + 0.1 * wide), width=percent(0.8 * wide),
        y=percent(1 - ROOM * tall), height=percent(ROOM * tall),
    )  # fmt: skip
