"""A release's measurements, as the ledger keeps them (JSON), made ready to be drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from perennial_airflow.page.drawn.guardrail import Measurement


def measurements(measured: Iterable[Mapping[str, Any]]) -> list[Measurement]:
    """Those that have a name; numbers that are missing or have no bound are None."""
    return [_measurement(each) for each in measured if "name" in each]


def _measurement(found: Mapping[str, Any]) -> Measurement:
    return Measurement(
        name=str(found["name"]),
        estimate=_number(found.get("estimate")),
        low=_number(found.get("low")),
        high=_number(found.get("high")),
        limit=_number(found.get("limit")),
        outcome=str(found.get("outcome") or "unknown"),
        sentence=str(found.get("sentence") or ""),
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
