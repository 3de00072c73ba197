"""The plots of a release: points and stretches in, well-formed markup out, at the right places."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from perennial.release.record_history import Point
from perennial.release.record_page import PAGES
from perennial.release.record_sequences import (
    MOST_DRAWN,
    confidence_sequence,
    is_drawn,
    turn_of,
)
from perennial.release.record_times import Hold, Stretch
from perennial.release.record_traffic import APART, LEAST, Along, traffic_over_time

NOON = datetime(2024, 2, 1, 12, tzinfo=UTC)


def point(
    n: int, outcome: str = "inconclusive", estimate: float | None = 0.0, **more: float
) -> Point:
    found = {"low": -1 / n, "high": 1 / n, "limit": 0.1, **more}
    return Point("2024-02-01T12:00:00+00:00", "shadow", 0, "errors", n, outcome, estimate, **found)


def stretch(
    name: str, start: float, end: float, weight: float = 0.0, copied: float = 0.0
) -> Stretch:
    begin, stop = NOON + timedelta(seconds=start), NOON + timedelta(seconds=end)
    return Stretch(name, name, begin, stop, weight, copied)


def of_class(drawing: str, kind: str) -> list[ET.Element]:
    return [each for each in ET.fromstring(drawing).iter() if each.get("class") == kind]


def places(drawing: str, kind: str, attribute: str) -> list[float]:
    return [float(each.attrib[attribute].rstrip("%")) for each in of_class(drawing, kind)]


def xy(polygon: ET.Element) -> list[tuple[float, float]]:
    pairs = (each.split(",") for each in polygon.attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def test_the_band_narrows_to_the_right_and_stays_within_the_plot() -> None:
    drawn = confidence_sequence("errors", [("shadow", [point(n) for n in range(1, 200)])])
    (band,) = of_class(drawn, "band")
    corners = xy(band)
    upper, lower = corners[: len(corners) // 2], corners[len(corners) // 2 :][::-1]
    heights = [low[1] - high[1] for high, low in zip(upper, lower, strict=True)]
    assert heights == sorted(heights, reverse=True)
    assert all(before[0] < after[0] for before, after in pairwise(upper))
    assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in corners)


def test_a_band_whose_end_is_not_known_goes_to_the_edge() -> None:
    points = [Point("", "shadow", 0, "errors", n, "inconclusive", 0.0, None, None, 0.1)
              for n in (1, 2)]  # fmt: skip
    (band,) = of_class(confidence_sequence("errors", [("shadow", points)]), "band")
    assert {y for _, y in xy(band)} == {0.0, 100.0}


def test_each_phase_has_its_panel_and_the_moment_of_its_verdict() -> None:
    shadow = [point(10), point(20, "passed"), point(30), point(40, "passed"), point(50, "passed")]
    canary = [point(10), point(20, "failed", 0.3, low=0.2, high=0.4)]
    drawn = confidence_sequence(
        "errors", [("shadow", shadow), ("5 %", canary), ("25 %", [point(9)])]
    )
    assert re.findall(r'<b class="\w+">(.*?)</b>', drawn) == ["✓ 40", "✗ 20", "open"]
    assert len(of_class(drawn, "turn passed")) == len(of_class(drawn, "turn failed")) == 1
    panels = places(drawn, "panel-of", "x")
    assert panels == sorted(panels)
    assert len(panels) == 3
    assert turn_of(shadow) == shadow[3]


def test_a_limit_either_way_is_drawn_twice_and_what_lies_beyond_is_shaded() -> None:
    one = confidence_sequence("errors", [("shadow", [point(10), point(100)])])
    both = confidence_sequence("score_shift", [("shadow", [point(10), point(100)])])
    assert [len(of_class(each, "limit")) for each in (one, both)] == [1, 2]
    assert [len(of_class(each, "beyond")) for each in (one, both)] == [1, 2]
    upper, lower = places(both, "limit", "y1")
    (zero,) = places(both, "zero", "y1")
    assert zero - upper == pytest.approx(lower - zero, abs=0.02)


def test_no_label_of_the_scale_touches_that_of_the_limit() -> None:
    for limit in (0.02, 0.049, 0.05, 0.3, 20.0, 250.0):
        points = [point(n, high=limit * 3 / n, low=-limit / n, limit=limit) for n in (5, 50, 500)]
        drawn = confidence_sequence("errors", [("shadow", points)])
        spans = re.findall(r"top:([\d.]+)%", drawn)
        tops = sorted(float(each) for each in spans)
        assert all(after - before > 8 for before, after in pairwise(tops)), limit


def test_thousands_of_points_are_few_to_draw_with_every_turn() -> None:
    many = [point(n, "passed" if n == 777 else "inconclusive") for n in range(1, 4000)]
    drawn = confidence_sequence("errors", [("shadow", many)])
    (line,) = of_class(drawn, "line")
    assert len(xy(line)) <= MOST_DRAWN + 4


@pytest.mark.parametrize(
    "points",
    [[point(1)], [point(5, estimate=0.1)] * 2, [point(1, limit=0.0, low=0.0, high=0.0)],
     [point(10, estimate=1e9), point(20, estimate=-1e-9)]],
)  # fmt: skip
def test_few_or_odd_points_are_drawn_all_the_same(points: list[Point]) -> None:
    drawn = confidence_sequence("errors", [("shadow", points)])
    ET.fromstring(drawn)
    assert not re.search(r"nan|inf\b|None", drawn)


def test_what_has_no_numbers_is_not_drawn() -> None:
    assert not is_drawn("loss", [("shadow", [point(10, estimate=None)])])
    assert not is_drawn("slices", [("shadow", [point(10)])])
    assert is_drawn("anything_new", [("shadow", [point(10)])])


def test_a_share_is_as_high_as_it_is_and_copies_are_a_line() -> None:
    drawn = traffic_over_time([stretch("shadow", 0, 10, copied=1.0), stretch("5 %", 10, 20, 0.05)])
    assert places(drawn, "answered", "height") == [5.0]
    assert places(drawn, "copied", "y1") == [0.0]
    assert "shadow for 10 s, then 5 % for 10 s" in drawn


def test_a_minute_is_seen_beside_a_day() -> None:
    lived = [stretch("shadow", 0, 60), stretch("5 %", 60, 120, 0.05),
             stretch("promoted", 120, 86_400, 1.0)]  # fmt: skip
    along = Along(lived)
    widths = [after - before for before, after in pairwise(along.edges)]
    assert min(widths) >= LEAST - 1e-9
    assert along.edges[-1] == pytest.approx(1.0)
    assert along.share(NOON) == 0.0
    assert along.share(NOON + timedelta(days=9)) == 1.0


def test_times_along_the_axis_never_overlap() -> None:
    lived = [stretch(f"{n} %", n * 10, (n + 1) * 10, n / 20) for n in range(12)]
    drawn = traffic_over_time(lived)
    (axis,) = of_class(drawn, "xs")
    lefts = [float(found) for found in re.findall(r"left:([\d.]+)%", ET.tostring(axis).decode())]
    assert lefts[-1] == 100
    assert all(after - before >= 100 * APART[False] - 0.1 for before, after in pairwise(lefts))


def test_a_pause_is_as_long_as_it_was_and_says_who_and_why() -> None:
    held = Hold("pause", NOON + timedelta(seconds=5), NOON + timedelta(seconds=10), "lunch", "rosa")
    drawn = traffic_over_time([stretch("5 %", 0, 20, 0.05)], [held])
    assert places(drawn, "hold pause", "x") == [25.0]
    assert places(drawn, "hold pause", "width") == [25.0]
    assert "pause by rosa" in drawn
    assert "lunch" in drawn


@pytest.mark.parametrize("seconds", [0, -5])
def test_a_clock_that_stood_or_went_back_is_drawn_all_the_same(seconds: int) -> None:
    back = Along([stretch("shadow", 0, 0), stretch("5 %", seconds, max(0, seconds), 0.05)])
    assert (back.edges[0], back.edges[-1]) == (0.0, pytest.approx(1.0))
    assert 0 < back.edges[1] < 1
    assert "Nothing has moved yet" in traffic_over_time([])


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_stand_out_from_what_they_stand_on(scheme: int) -> None:
    css = (PAGES / "record.css").read_text(encoding="utf-8")
    found = re.findall(r"--(\w+): light-dark\(#(\w{6}), #(\w{6})\);", css)
    colours = {name: (light, dark)[scheme] for name, light, dark in found}
    for word in ("ink", "soft", "accent", "good", "warn", "bad"):
        for ground in ("panel", "surface"):
            high, low = sorted((luminance(colours[word]), luminance(colours[ground])), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, (word, ground)


def luminance(colour: str) -> float:
    """WCAG's relative luminance, 0 to 1."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
