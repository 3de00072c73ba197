"""The night that a run is about: its partition key, never the clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from airflow.sdk import Asset

MARTS = Asset("marts", uri="perennial://lake/checked/marts", group="perennial")
"""The checked marts of one day. `arrive` makes them, every `nightly_<model>` runs on them."""

KEY = "%Y-%m-%d"
"""How a night's partition key is written: 2013-03-02 is the night after 2013-03-01."""


def at(context: Mapping[str, Any]) -> str:
    """The night as YYYY-MM-DD; ValueError for a run that was triggered without a partition key."""
    key = context.get("partition_key")
    if not key:
        raise ValueError(
            "this run has no partition key: trigger it with one, which is the night as YYYY-MM-DD "
            "(2013-03-02 is the night after 2013-03-01), or use a backfill"
        )
    return date.fromisoformat(str(key)[:10]).isoformat()


def own_day(context: Mapping[str, Any]) -> str:
    """The day that has just ended, as YYYY-MM-DD."""
    return (date.fromisoformat(at(context)) - timedelta(days=1)).isoformat()
