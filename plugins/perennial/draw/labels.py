"""Where names stand beside their points, so that none lies on a point or on another name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LETTER, LINE, POINT = 7.0, 13.0, 6.0
"""About as wide and as high as a letter, and half as wide as a point, in pixels."""


@dataclass(frozen=True)
class Frame:
    """The rectangle in which names may stand, in pixels; y grows downwards."""

    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True)
class Label:
    """A name, with the start, middle or end of its base line."""

    text: str
    x: float
    y: float
    anchor: str


Box = tuple[float, float, float, float]


def labels(
    named: Sequence[tuple[str, float, float]],
    points: Sequence[tuple[float, float]],
    frame: Frame,
) -> list[Label]:
    """One label for each name (text, x, y of its point), none on any of `points`.

    Tried are, in this order, right, left, above and below, then the same farther and farther off.
    A name for which there is no room stands at its right, whatever lies there.

    >>> frame = Frame(0, 100, 0, 100)
    >>> [(each.x, each.y) for each in labels([("a", 50, 50)], [(50, 50)], frame)]
    [(60, 54.0)]
    >>> [(each.x, each.anchor) for each in labels([("long", 90, 50)], [(90, 50)], frame)]
    [(80, 'end')]
    """
    taken: list[Box] = [(x - POINT, x + POINT, y - POINT, y + POINT) for x, y in points]
    found = []
    for text, x, y in named:
        places = _places(text, x, y)
        free = (
            each for each in places
            if _within(_box(each), frame) and not any(_meet(_box(each), box) for box in taken)
        )  # fmt: skip
        label = next(free, places[0])
        taken.append(_box(label))
        found.append(label)
    return found


def _places(text: str, x: float, y: float) -> list[Label]:
    middle = y + LINE / 2 - 2.5
    beside = [Label(text, x + 10, middle, "start"), Label(text, x - 10, middle, "end")]
    farther = [
        Label(text, x + aside, middle + sign * up, anchor)
        for up in (1.2 * LINE, 2.2 * LINE, 3.4 * LINE, 4.6 * LINE)
        for sign in (-1, 1)
        for aside, anchor in ((0.0, "middle"), (6.0, "start"), (-6.0, "end"))
    ]
    return beside + farther


def _box(label: Label) -> Box:
    width = LETTER * len(label.text)
    before = {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    return label.x - before, label.x - before + width, label.y - LINE + 3, label.y + 3


def _within(box: Box, frame: Frame) -> bool:
    left, right, top, bottom = box
    return (
        left >= frame.left and right <= frame.right and top >= frame.top and bottom <= frame.bottom
    )


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
