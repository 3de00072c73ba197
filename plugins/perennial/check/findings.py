"""From what Great Expectations answered to a finding that a person can act on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from perennial.check.checked import Finding, Outcome
from perennial.check.columns import ARGUMENTS, columns_of
from perennial.check.evaluation import Evaluated
from perennial.check.rows import DAY
from perennial.declare.gates import Expectation

N_EXAMPLES = 3
# An expectation that holds because there was no value to judge has not passed: it says so.
NO_EVIDENCE = "no value to judge in this period"

RowAt = Callable[[int], dict[str, Any]]


def finding_of(evaluated: Evaluated, row_at: RowAt, key: tuple[str, ...]) -> Finding:
    """The finding of one evaluated expectation; `row_at` and `key` serve for its examples."""
    declared, details = evaluated.prepared.declared, evaluated.details
    failing, columns = details.get("unexpected_count"), columns_of(declared)
    outcome = _outcome(evaluated)
    positions = (evaluated.positions or [])[:N_EXAMPLES] if outcome == "failed" else []
    return Finding(
        expectation=declared.type,
        columns=columns,
        severity=declared.severity,
        outcome=outcome,
        asked=_asked(declared),
        found=_found(evaluated, outcome),
        n_looked_at=evaluated.n_looked_at,
        n_failing=failing,
        examples=tuple(_example(row_at(each), columns, key) for each in positions),
        declared_in=evaluated.prepared.where,
        why=declared.why,
    )


def plain(value: Any) -> str:
    """A value as messages show it: short numbers, ISO times, JSON for the rest."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{name}: {plain(each)}" for name, each in value.items())
    if isinstance(value, list | tuple | set):
        return f"[{', '.join(plain(each) for each in value)}]"
    return json.dumps(value, default=str)


def percent(share: float) -> str:
    """A share as messages show it: one row in a million is not 0 %."""
    return f"{100 * share:.3g} %"


def _outcome(evaluated: Evaluated) -> Outcome:
    if evaluated.error is not None:
        return "raised"
    if not evaluated.success:
        return "failed"
    return "nothing_to_look_at" if evaluated.saw_nothing else "passed"


def _asked(declared: Expectation) -> str:
    arguments = {k: v for k, v in declared.kwargs.items() if k not in ARGUMENTS}
    return plain(arguments) or "no further argument"


def _found(evaluated: Evaluated, outcome: Outcome) -> str:
    if evaluated.error is not None:
        return f"it could not be evaluated: {evaluated.error}"
    if outcome == "nothing_to_look_at":
        return NO_EVIDENCE
    parts: list[str] = []
    looked_at, failing = evaluated.n_looked_at, evaluated.details.get("unexpected_count")
    if evaluated.details.get("observed_value") is not None:
        parts.append(f"observed {plain(evaluated.details['observed_value'])}")
    if failing is not None and looked_at:
        parts.append(f"{failing} of {looked_at} do not meet it ({percent(failing / looked_at)})")
    elif evaluated.details.get("partial_unexpected_list"):
        parts.append(f"unexpected {plain(evaluated.details['partial_unexpected_list'])}")
    return "; ".join(parts) or "nothing observed"


def _example(row: dict[str, Any], columns: tuple[str, ...], key: tuple[str, ...]) -> str:
    shown = ", ".join(f"{name} {plain(row.get(name))}" for name in columns)
    where = ", ".join(f"{name} {plain(row.get(name))}" for name in key if name not in columns)
    return f"{shown} ({where or f'{DAY} {plain(row[DAY])}'})"
