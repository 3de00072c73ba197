"""Stale, missing and expired features are told as such, and are never a zero."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.features.online import OnlineFeatures
from perennial.features.repository import open_store

from .market import NOON, TTL, model
from .test_online import known

pytestmark = pytest.mark.faults

MICROSECOND = timedelta(microseconds=1)


def clear(project: Project, view: str) -> None:
    store = open_store(project)
    store._get_provider().online_store.clear(store.config, [store.get_feature_view(view)])


def asked(online: OnlineFeatures, at: Any = NOON, **fields: Any) -> tuple[dict[str, Any], Any, Any]:
    looked = online.look_up(known(**fields), [at])
    values = {name: value for name, (value,) in looked.columns.items()}
    return values, looked.missing[0], looked.later[0]


OF_CROWD = ("crowd__mood", "rush__pairs")
OF_PRICES = ("prices__price", "prices__is_ripe")


def test_expired_is_null_and_named_and_what_is_made_of_it_too(any_market: Project) -> None:
    online = OnlineFeatures(any_market, model())
    for _ in range(2):  # read, then kept: a kept value grows old as well
        values, missing, _ = asked(online, NOON + TTL)
        assert (values["crowd__mood"], missing) == ("merry", [])
        values, missing, _ = asked(online, NOON + TTL + MICROSECOND)
        assert [values[name] for name in OF_CROWD] == [None, None]
        assert missing == ["crowd"]
        assert values["prices__price"] == 1.25


def test_missing_is_null_and_named(any_market: Project) -> None:
    online = OnlineFeatures(any_market, model())
    values, missing, _ = asked(online, stall="nowhere")
    assert {values[name] for name in (*OF_CROWD, *OF_PRICES)} == {None}
    assert sorted(missing) == ["crowd", "prices"]
    assert values["rush__closing_hour"] == 13.0  # of the question alone


def test_a_store_without_the_view_s_values_is_null_and_named(any_market: Project) -> None:
    online = OnlineFeatures(any_market, model())
    online.look_up(known(), [NOON])
    clear(any_market, "crowd")
    reader: Any = online._reader
    if hasattr(reader, "_since"):  # Redis: after the moment for which it is kept
        reader._since = [float("-inf")] * len(reader._since)
    values, missing, _ = asked(online)
    assert [values[name] for name in OF_CROWD] == [None, None]
    assert missing == ["crowd"]


def test_a_value_from_after_the_question_is_given_and_named(any_market: Project) -> None:
    values, missing, later = asked(OnlineFeatures(any_market, model()), NOON - MICROSECOND)
    assert (values["crowd__mood"], missing, later) == ("merry", [], ["crowd"])
