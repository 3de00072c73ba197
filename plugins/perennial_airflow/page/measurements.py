"""A release's measurements, as the ledger keeps them (JSON), made ready to be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from perennial.release.record_sequences import TWO_SIDED
from perennial_airflow.page.drawn.guardrail import Measurement


def measurements(measured: Iterable[Mapping[str, Any]]) -> list[Measurement]:
    """Those that can be told; one of another form is left to the record's words."""
    return [_measurement(each) for each in measured if "guardrail" in each]


def _measurement(found: Mapping[str, Any]) -> Measurement:
    name, limit = str(found["guardrail"]), found.get("limit")
    return Measurement(
        name=name,
        estimate=found.get("estimate"),
        low=found.get("low"),
        high=found.get("high"),
        limit=limit,
        floor=-limit if name in TWO_SIDED and limit is not None else None,
        outcome=str(found.get("outcome", "unknown")),
        says=str(found.get("says", "")).removeprefix(f"{name}: "),
    )
