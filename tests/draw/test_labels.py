"""Names beside points: none lies on a point or another name, as long as there is room."""

from __future__ import annotations

import numpy as np

from perennial.draw.labels import Frame, _box, _meet, _within, labels

FRAME = Frame(0, 460, 0, 320)


def test_names_of_crowded_points_lie_apart_and_inside() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        points = [(x, y) for x, y in random.uniform((150, 100), (310, 220), (6, 2)).tolist()]
        found = labels([(f"name {n}", *at) for n, at in enumerate(points)], points, FRAME)
        boxes = [_box(each) for each in found]
        dots = [(x - 5, x + 5, y - 5, y + 5) for x, y in points]
        assert all(_within(each, FRAME) for each in boxes)
        assert not any(_meet(each, dot) for each in boxes for dot in dots)
        assert not any(_meet(one, other) for n, one in enumerate(boxes) for other in boxes[n + 1 :])


def test_a_name_without_room_stands_at_its_point_all_the_same() -> None:
    (found,) = labels([("far too long for it", 5, 5)], [(5, 5)], Frame(0, 10, 0, 10))
    assert (found.x, found.anchor) == (15, "start")
