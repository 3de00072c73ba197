"""Drawings of a watch, as SVG text: data in, text out, nothing imported that takes time.

Each is at most 360 units wide, so that a phone shows it whole, and takes its colours from the
page's `--watch-…` variables where it has them. Pointing at a mark tells its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 360
INK, FAINT = "var(--watch-ink, #1f2933)", "var(--watch-faint, #d5dbe1)"
REFERENCE, CURRENT = "var(--watch-reference, #9aa8b6)", "var(--watch-current, #1769aa)"
STATES = {
    "quiet": "var(--watch-quiet, #cfe8d5)",
    "suspected": "var(--watch-suspected, #f2b134)",
    "drifted": "var(--watch-drifted, #c8352b)",
    "unknown": "var(--watch-unknown, #e4e7eb)",
    "as_expected": "var(--watch-fine, #2f8f4e)",
    "worse": "var(--watch-drifted, #c8352b)",
    "broken": "var(--watch-broken, #7b3fa0)",
}


@dataclass(frozen=True)
class Strip:
    """One row of the heat map: a name, and per night a state and what pointing at it tells."""

    name: str
    states: tuple[str | None, ...]
    """None where there is no report of the night."""
    told: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """One night of a metric; None where it is not known."""

    night: str
    estimate: float | None
    low: float | None = None
    high: float | None = None
    expected: float | None = None
    state: str = "unknown"
    version: str | None = None


def distributions(
    bins: Sequence[str], reference: Sequence[float], current: Sequence[float], label: str
) -> str:
    """Shares per bin side by side: the reference in grey, the watched days in blue."""
    top, height, foot = 6, 96, 30
    highest = max([*reference, *current, 1e-9])
    step = WIDTH / max(len(bins), 1)
    parts = []
    for place, name in enumerate(bins):
        for nth, (shares, colour) in enumerate(((reference, REFERENCE), (current, CURRENT))):
            tall = height * shares[place] / highest
            x = step * (place + 0.08 + 0.42 * nth)
            told = f"{name}: {reference[place]:.1%} before, {current[place]:.1%} now"
            parts.append(_bar(x, top + height - tall, step * 0.42, tall, colour, told))
    parts.append(_line(0, top + height, WIDTH, top + height))
    every = max(1, -(-len(bins) // 6))
    for place in range(0, len(bins), every):
        x, anchor = step * (place + 0.5), "middle"
        if place == 0:
            x, anchor = 0.0, "start"
        elif place == len(bins) - 1:
            x, anchor = float(WIDTH), "end"
        parts.append(_text(x, top + height + 13, _short(bins[place], 10), anchor, 9))
    return _svg(top + height + foot - 12, parts, label)


def heat_map(nights: Sequence[str], strips: Sequence[Strip], label: str) -> str:
    """One strip a column, one cell a night; coloured by what was found."""
    row, cell = 29, WIDTH / max(len(nights), 1)
    parts = []
    for place, strip in enumerate(strips):
        y = 14 + place * row
        parts.append(_text(0, y + 8, _short(strip.name, 66), "start", 9))
        for night, (state, told) in enumerate(zip(strip.states, strip.told, strict=True)):
            colour = STATES.get(state or "", "none")
            parts.append(
                _bar(night * cell + 0.5, y + 12, cell - 1, 11, colour, f"{nights[night]}: {told}")
            )
    if nights:
        parts += [
            _text(0, 9, nights[0], "start", 9),
            _text(WIDTH, 9, nights[-1], "end", 9),
        ]
    return _svg(16 + len(strips) * row, parts, label)


def over_nights(points: Sequence[Point], label: str) -> str:
    """A metric by nights with its intervals, and what was expected as a dashed line.

    A thin upright line marks the nights from which another version answered.
    """
    left, top, height, foot = 38, 8, 110, 18
    numbers = [
        each
        for point in points
        for each in (point.estimate, point.low, point.high, point.expected)
        if each is not None
    ]
    if not numbers:
        return _svg(30, [_text(0, 18, "not known on any of these nights", "start", 11)], label)
    low, high = min(numbers), max(numbers)
    room = (high - low) * 0.06 or abs(high) * 0.05 or 0.05
    low, high = low - room, high + room
    step = (WIDTH - left) / len(points)

    def across(place: int) -> float:
        return left + step * (place + 0.5)

    def down(value: float) -> float:
        return top + height * (high - value) / (high - low)

    parts = [_line(left, down(v), WIDTH, down(v), FAINT) for v in _ticks(low, high)]
    parts += [_text(left - 4, down(v) + 3, f"{v:.3g}", "end", 9) for v in _ticks(low, high)]
    parts += _expectations(points, step, left, down)
    for place, point in enumerate(points):
        x = across(place)
        if place and point.version != points[place - 1].version:
            parts.append(_line(x - step / 2, top, x - step / 2, top + height, INK, "1 2"))
        if point.estimate is None:
            continue
        colour = STATES[point.state] if point.state in ("as_expected", "worse") else REFERENCE
        if point.low is not None and point.high is not None:
            parts.append(_line(x, down(point.low), x, down(point.high), colour, width=2))
        told = f"{point.night}: {point.estimate:.4g}{_between(point)}, {point.state}"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{down(point.estimate):.1f}" r="3" style="fill:{colour}">'
            f"<title>{escape(told)}</title></circle>"
        )
    parts += [
        _text(left, top + height + 13, points[0].night, "start", 9),
        _text(WIDTH, top + height + 13, points[-1].night, "end", 9),
    ]
    return _svg(top + height + foot, parts, label)


def _expectations(
    points: Sequence[Point], step: float, left: float, down: Callable[[float], float]
) -> list[str]:
    return [
        _line(
            left + step * place, down(point.expected), left + step * (place + 1),
            down(point.expected), INK, "4 3",
        )
        for place, point in enumerate(points)
        if point.expected is not None
    ]  # fmt: skip


def _between(point: Point) -> str:
    if point.low is None or point.high is None:
        return ""
    return f" ({point.low:.4g} to {point.high:.4g})"


def _ticks(low: float, high: float, n: int = 4) -> list[float]:
    """Round numbers within a range.

    >>> _ticks(0.41, 0.52)
    [0.42, 0.44, 0.46, 0.48, 0.5, 0.52]
    """
    from math import ceil, floor, log10

    rough = (high - low) / n
    size = 10 ** floor(log10(rough))
    step = next(size * each for each in (1, 2, 5, 10) if size * each >= rough * 0.7)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(each * step, 10) for each in range(first, last + 1)]


def _bar(x: float, y: float, width: float, height: float, colour: str, told: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'style="fill:{colour}"><title>{escape(told)}</title></rect>'
    )


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str = INK, dash: str = "", width: float = 1
) -> str:
    dashed = f";stroke-dasharray:{dash}" if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'style="stroke:{colour};stroke-width:{width:g}{dashed}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str, size: int) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'style="fill:{INK}">{escape(text)}</text>'
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _svg(height: float, parts: Sequence[str], label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="100%" '
        f'role="img" aria-label="{escape(label)}" font-family="system-ui, sans-serif">'
        f"{''.join(parts)}</svg>"
    )
