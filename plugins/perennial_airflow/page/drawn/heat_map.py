"""Columns over nights: how far each lay from the reference, by what quiet history allows.

A table, not a picture: its first column stays in sight on a narrow screen, and a screen reader can
walk through it. A cell's colour is its effect in units of its threshold; a sign tells its state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from perennial.draw.elements import breakable, tag
from perennial.draw.formats import number

SIGNS = {"drifted": "●", "suspected": "○", "unknown": "?", "quiet": ""}


@dataclass(frozen=True)
class Cell:
    """One column on one night."""

    state: str
    effect: float | None
    threshold: float | None

    @property
    def heat(self) -> float | None:
        """0 to 1, where 1 is twice the threshold; small distances stay pale. None if unknown.

        >>> Cell("quiet", 0.05, 0.1).heat, Cell("drifted", 0.9, 0.1).heat
        (0.125, 1.0)
        """
        if self.effect is None or not self.threshold:
            return None
        return min(1.0, math.sqrt((self.effect / self.threshold / 2) ** 3))


@dataclass(frozen=True)
class Row:
    """One column over the nights."""

    name: str
    role: str
    note: str
    cells: Mapping[str, Cell]


def heat_map(rows: Sequence[Row], nights: Sequence[str]) -> Markup:
    """The table, nights from left to right; a night that did not look at a column is blank."""
    head = tag(
        "tr", tag("th", "column", scope="col"), *(_night(index, nights) for index in _each(nights))
    )
    body = (
        tag("tr", _label(row), *(_cell(row.cells.get(night), night) for night in nights))
        for row in rows
    )
    return tag("table", tag("thead", head), tag("tbody", *body), class_="heat")


def _each(nights: Sequence[str]) -> range:
    return range(len(nights))


def _night(index: int, nights: Sequence[str]) -> Markup:
    """Every seventh night, and the last, is written out, month and day."""
    n, night = len(nights), nights[index]
    is_shown = (n - 1 - index) % 7 == 0
    return tag("th", night[5:] if is_shown else "", scope="col", title=night)


def _label(row: Row) -> Markup:
    note = tag("small", row.note) if row.note else ""
    return tag("th", breakable(row.name), note, scope="row", class_=row.role)


def _cell(cell: Cell | None, night: str) -> Markup:
    if cell is None:
        return tag("td", title=f"{night}: not looked at", class_="blank")
    told = f"{night}: {cell.state}"
    if cell.effect is not None:
        told += f", effect {number(cell.effect)}, quiet nights stay below {number(cell.threshold)}"
    heat = cell.heat
    kind = "blank" if heat is None else "hot" if heat > 0.45 else "mild"
    style = None if heat is None else f"--heat:{100 * heat:.0f}%"
    spoken = tag("span", cell.state, class_="spoken")
    sign = tag("span", SIGNS.get(cell.state, ""), aria_hidden="true")
    return tag("td", sign, spoken, class_=kind, style=style, title=told)
