"""Filling the online store as of a moment, forth and back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd

from perennial.declare.project import Project
from perennial.features.refill import bring_up_to, refill
from perennial.features.repository import open_store
from perennial.keep.watermark import follow

from .market import NOON, write_mart

HOUR = timedelta(hours=1)


def people(project: Project, stall: str = "north") -> Any:
    return value(project, "crowd:n_people", {"stall": stall})


def price(project: Project) -> Any:
    return value(project, "prices:price", {"stall": "north", "fruit_number": 1})


def value(project: Project, feature: str, entity: dict[str, Any]) -> Any:
    answer = open_store(project).get_online_features([feature], [entity]).to_dict()
    return answer[feature.split(":")[1]][0]


def push(project: Project, n_people: int, hours: float) -> None:
    moment = NOON + hours * HOUR
    rows = pd.DataFrame({"stall": ["north"], "n_people": [n_people], "mood": ["pushed"],
                         "event_timestamp": [moment], "created_timestamp": [moment]})  # fmt: skip
    open_store(project).push("crowd_push", rows)


def test_it_shows_what_was_known_at_the_moment_also_going_back(any_market: Project) -> None:
    assert refill(any_market, NOON + HOUR) == ["crowd", "prices"]
    assert people(any_market) == 20
    refill(any_market, NOON - HOUR)
    assert people(any_market) == 10
    refill(any_market, NOON - timedelta(days=60))
    assert (people(any_market), price(any_market)) == (None, None)
    refill(any_market, NOON)  # what happens at the moment is known
    assert (people(any_market), people(any_market, "south"), price(any_market)) == (20, 7, 1.25)


def test_what_was_not_yet_known_is_not_shown(any_market: Project) -> None:
    write_mart(
        any_market, "crowd", NOON.date(),
        stall=["north", "north"], n_people=[1, 2], mood=["a", "b"],
        event_timestamp=[NOON - HOUR, NOON], created_timestamp=[NOON - HOUR, NOON + 2 * HOUR],
    )  # fmt: skip
    refill(any_market, NOON + HOUR)
    assert people(any_market) == 1
    refill(any_market, NOON + 2 * HOUR)
    assert people(any_market) == 2


def test_pushed_values_that_came_later_are_forgotten(any_market: Project) -> None:
    push(any_market, 99, hours=5)
    assert people(any_market) == 99
    refill(any_market, NOON)
    assert people(any_market) == 20


def test_only_slow_fills_slow_views_and_leaves_what_was_pushed(any_market: Project) -> None:
    push(any_market, 99, hours=5)
    write_mart(
        any_market, "prices", NOON.date() + timedelta(days=1), stall=["north"], fruit_number=[1],
        price=[3.0], is_ripe=[True], event_timestamp=[NOON + 4 * HOUR],
    )  # fmt: skip
    assert refill(any_market, NOON + 6 * HOUR, only_slow=True) == ["prices"]
    assert (people(any_market), price(any_market)) == (99, 3.0)


def test_only_slow_forgets_nothing(any_market: Project) -> None:
    refill(any_market, NOON - timedelta(days=60), only_slow=True)
    assert price(any_market) == 1.25


def test_twice_is_once(any_market: Project) -> None:
    refill(any_market, NOON)
    assert refill(any_market, NOON) == ["crowd", "prices"]
    assert (people(any_market), price(any_market)) == (20, 1.25)


def test_a_night_brings_what_the_freshener_was_not_told_of_and_replaces_nothing_newer(
    any_market: Project,
) -> None:
    push(any_market, 99, hours=5)
    write_mart(
        any_market, "crowd", NOON.date() + timedelta(days=1), stall=["north", "south"],
        n_people=[30, 31], mood=["a", "b"], event_timestamp=[NOON + HOUR, NOON + HOUR],
    )  # fmt: skip
    night = (NOON.date() + timedelta(days=2)).isoformat()
    with follow(any_market):
        assert bring_up_to(any_market, night) == ["crowd", "prices"]
    assert (people(any_market), people(any_market, "south")) == (99, 31)
