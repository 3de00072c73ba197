from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from perennial.watch.drawing import Point, Strip, distributions, heat_map, over_nights

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def told(svg: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in svg.iter(f"{SVG}title")]


def test_both_sides_of_each_bin_are_drawn_to_one_scale() -> None:
    svg = drawn(distributions(["a", "b"], [0.5, 0.5], [0.25, 0.75], "colour"))
    heights = [float(each.attrib["height"]) for each in svg.iter(f"{SVG}rect")]
    assert heights == pytest.approx([64, 32, 64, 96])
    assert "b: 50.0% before, 75.0% now" in told(svg)


def test_names_out_of_the_data_are_only_text() -> None:
    svg = drawn(distributions(['<b onload="x">&'], [1.0], [1.0], 'a "label" <x>'))
    assert not svg.findall(f".//{SVG}b")
    assert svg.attrib["aria-label"] == 'a "label" <x>'


def test_a_night_without_a_report_is_an_empty_cell() -> None:
    svg = drawn(heat_map(["n1", "n2"], [Strip("x", (None, "drifted"), ("no report", "far"))], "m"))
    cells = [each.attrib["style"] for each in svg.iter(f"{SVG}rect")]
    assert cells[0] == "fill:none"
    assert "drifted" in cells[1]
    assert told(svg) == ["n1: no report", "n2: far"]


def test_a_metric_shows_intervals_expectation_and_when_the_version_changed() -> None:
    points = [
        Point("n1", 0.5, 0.4, 0.6, 0.5, "as_expected", "v1"),
        Point("n2", None, version="v1"),
        Point("n3", 0.9, 0.8, 1.0, 0.5, "worse", "v2"),
    ]
    svg = drawn(over_nights(points, "loss"))
    assert len(svg.findall(f"{SVG}circle")) == 2
    assert "n3: 0.9 (0.8 to 1), worse" in told(svg)
    dashed = [each for each in svg.iter(f"{SVG}line") if "dasharray:4 3" in each.attrib["style"]]
    versions = [each for each in svg.iter(f"{SVG}line") if "dasharray:1 2" in each.attrib["style"]]
    assert (len(dashed), len(versions)) == (2, 1)


@pytest.mark.parametrize(
    "text",
    [
        distributions([], [], [], "none"),
        distributions(["a"], [0.0], [0.0], "empty"),
        heat_map([], [], "none"),
        over_nights([], "none"),
        over_nights([Point("n1", None)], "unknown"),
        over_nights([Point("n1", 0.0)], "one value"),
        over_nights([Point("n1", 1e-9), Point("n2", 1e9)], "far apart"),
    ],
)
def test_nothing_to_draw_is_still_a_drawing(text: str) -> None:
    assert drawn(text).tag == f"{SVG}svg"
