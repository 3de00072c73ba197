"""Filling the online store as of a moment, forth and back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd

from perennial.declare.project import Project
from perennial.features.refill import refill
from perennial.features.repository import open_store

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


def test_it_shows_what_was_known_at_the_moment_also_going_back(market: Project) -> None:
    assert refill(market, NOON + HOUR) == ["crowd", "prices"]
    assert people(market) == 20
    refill(market, NOON - HOUR)
    assert people(market) == 10
    refill(market, NOON - timedelta(days=60))
    assert (people(market), price(market)) == (None, None)
    refill(market, NOON)  # what happens at the moment is known
    assert (people(market), people(market, "south"), price(market)) == (20, 7, 1.25)


def test_what_was_not_yet_known_is_not_shown(market: Project) -> None:
    write_mart(
        market, "crowd", NOON.date(), stall=["north", "north"], n_people=[1, 2], mood=["a", "b"],
        event_timestamp=[NOON - HOUR, NOON], created_timestamp=[NOON - HOUR, NOON + 2 * HOUR],
    )  # fmt: skip
    refill(market, NOON + HOUR)
    assert people(market) == 1
    refill(market, NOON + 2 * HOUR)
    assert people(market) == 2


def test_pushed_values_that_came_later_are_forgotten(market: Project) -> None:
    push(market, 99, hours=5)
    assert people(market) == 99
    refill(market, NOON)
    assert people(market) == 20


def test_only_slow_fills_slow_views_and_leaves_what_was_pushed(market: Project) -> None:
    push(market, 99, hours=5)
    write_mart(
        market, "prices", NOON.date() + timedelta(days=1), stall=["north"], fruit_number=[1],
        price=[3.0], is_ripe=[True], event_timestamp=[NOON + 4 * HOUR],
    )  # fmt: skip
    assert refill(market, NOON + 6 * HOUR, only_slow=True) == ["prices"]
    assert (people(market), price(market)) == (99, 3.0)


def test_only_slow_forgets_nothing(market: Project) -> None:
    refill(market, NOON - timedelta(days=60), only_slow=True)
    assert price(market) == 1.25


def test_twice_is_once(market: Project) -> None:
    refill(market, NOON)
    assert refill(market, NOON) == ["crowd", "prices"]
    assert (people(market), price(market)) == (20, 1.25)
