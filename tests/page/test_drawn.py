"""The plots: numbers in, well-formed markup out, at the right places."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from perennial.watch.drawing import Point
from perennial_airflow.page.drawn.counts import counts
from perennial_airflow.page.drawn.guardrail import Measurement, guardrail
from perennial_airflow.page.drawn.heat_map import Cell, Row, heat_map
from perennial_airflow.page.drawn.series import Mark, series
from perennial_airflow.page.drawn.traffic import traffic
from perennial_airflow.page.story import ROWS, telling


def places(drawing: str, kind: str, attribute: str) -> list[float]:
    """Where the elements of one class lie, in per cent."""
    found = [each for each in ET.fromstring(drawing).iter() if each.get("class") == kind]
    return [float(each.attrib[attribute].rstrip("%")) for each in found]


def test_an_interval_lies_left_of_the_limit_it_keeps_and_reaches_over_one_it_does_not() -> None:
    kept = guardrail(Measurement("errors", 0.0, -0.01, 0.01, limit=0.02, outcome="passed"))
    (left,), (width,) = places(kept, "bar", "x"), places(kept, "bar", "width")
    (limit,) = places(kept, "limit", "x1")
    assert left + width < limit
    open_ = guardrail(Measurement("errors", 0.0, -0.01, 0.03, limit=0.02))
    (left,), (width,) = places(open_, "bar", "x"), places(open_, "bar", "width")
    assert left + width > places(open_, "limit", "x1")[0]


def test_a_limit_that_holds_either_way_is_drawn_twice() -> None:
    drawn = guardrail(Measurement("shift", 0.0, -0.01, 0.01, limit=0.1, floor=-0.1))
    left, right = sorted(places(drawn, "limit", "x1"))
    (zero,) = places(drawn, "zero", "x1")
    assert zero - left == pytest.approx(right - zero, abs=0.02)


def test_an_open_end_goes_to_the_edge() -> None:
    drawn = guardrail(Measurement("errors", 0.0, None, 0.01, limit=0.02))
    assert places(drawn, "bar", "x") == [0.0]


def test_nothing_measured_is_said() -> None:
    drawn = guardrail(Measurement("loss", None, None, None, limit=0.1))
    assert "nothing known yet" in drawn
    assert not places(drawn, "bar", "x")


def test_higher_values_lie_higher_and_nights_run_to_the_right() -> None:
    drawn = series("auc", [Point("2024-01-01", 0.5), Point("2024-01-02", 0.8)])
    low, high = places(drawn, "dot", "cy")
    assert low > high
    first, second = places(drawn, "dot", "cx")
    assert first < second


@pytest.mark.parametrize(
    "points",
    [[], [Point("2024-01-01", None)], [Point("2024-01-01", 0.5)], [Point("2024-01-01", 0.0)] * 2,
     [Point("2024-01-01", 0.5, None, 0.6), Point("2024-01-02", None), Point("2024-01-03", 0.4)]],
)  # fmt: skip
def test_few_or_unknown_nights_are_drawn_all_the_same(points: list[Point]) -> None:
    drawn = series("auc", points)
    ET.fromstring(drawn)
    assert not re.search(r"nan|inf\b|None", drawn)


def test_a_mark_off_the_nights_is_left_out() -> None:
    points = [Point("2024-01-01", 0.5), Point("2024-01-02", 0.8)]
    drawn = series("auc", points, [Mark("2024-01-02", "abc"), Mark("2023-01-01", "old")])
    assert ">abc<" in drawn
    assert "old" not in drawn


def test_a_heat_map_tells_states_by_sign_and_distance_by_colour() -> None:
    cells = {"2024-01-01": Cell("quiet", 0.0, 0.1), "2024-01-03": Cell("drifted", 0.3, 0.1)}
    drawn = heat_map([Row("colour", "feature", "", cells)], [f"2024-01-0{d}" for d in (1, 2, 3)])
    found = [each.get("style") for each in ET.fromstring(drawn).iter("td")]
    assert found == ["--heat:0%", None, "--heat:100%"]
    assert "●" in drawn
    assert "2024-01-02: not looked at" in drawn


def test_shares_of_the_traffic_are_as_wide_as_they_are() -> None:
    drawn = traffic("old", "new", 0.25, 0.5)
    assert places(drawn, "champion", "width") == [75.0]
    assert places(drawn, "challenger", "width") == [25.0, 50.0]
    assert "old answers 75 %, new 25 %" in drawn


def test_the_highest_count_is_the_highest_bar_and_an_unknown_one_is_none() -> None:
    drawn = counts("answer", ["a", "b", "c"], [1, None, 4], "answers")
    low, high = (float(h) for h in re.findall(r'height="([\d.]+)%"', drawn))
    assert high == pytest.approx(4 * low, abs=0.1)


def test_what_was_ever_out_is_shown_first_and_nothing_is_left_out() -> None:
    rows = [Row(f"column {n}", "feature", "", {"a": Cell("quiet", 0.0, 0.1)}) for n in range(40)]
    rows[37] = Row("column 37", "feature", "", {"a": Cell("suspected", 0.2, 0.1)})
    first, others = telling(rows)
    assert len(first) == ROWS
    assert first[-1].name == "column 37"
    assert len(first) + len(others) == 40
    assert telling([]) == ([], [])
