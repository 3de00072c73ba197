"""Who answers how much: one bar of the whole traffic."""

from __future__ import annotations

from markupsafe import Markup

from perennial.draw.elements import percent, tag
from perennial.draw.formats import share


def traffic(champion: str, challenger: str | None, weight: float, copied: float) -> Markup:
    """The champion's part from the left, the challenger's from the right, copies as a line."""
    at = 1 - weight
    parts = [tag("rect", x="0%", y=0, width=percent(at), height=22, class_="champion")]
    if weight > 0:
        parts.append(
            tag("rect", x=percent(at), y=0, width=percent(weight), height=22, class_="challenger")
        )
    if copied > 0:
        parts.append(
            tag("rect", x="0%", y=26, width=percent(copied), height=5, class_="challenger")
        )
    told = f"{champion} answers {share(at)}"
    if challenger is not None:
        told += f", {challenger} {share(weight)}"
    if copied > 0:
        told += f"; {share(copied)} of the questions are also copied to {challenger}"
    return tag(
        "svg", *parts, width="100%", height=33 if copied > 0 else 22, class_="traffic", role="img",
        aria_label=told,
    )  # fmt: skip
