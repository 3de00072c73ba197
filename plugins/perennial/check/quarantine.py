"""Rows that were set aside: what they held, which expectation they failed, and why that matters.

`data/lake/quarantine/<layer>/<table>/day=YYYY-MM-DD/check-0.parquet`, beside what other stages may
have set aside on that day. A second check of a day replaces what the first one set aside.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pyarrow as pa

from perennial.check.evaluation import Evaluated
from perennial.declare.gates import Expectation
from perennial.keep import partitions

FILE = "check-0.parquet"
Reasons = dict[int, list[Expectation]]


def reasons_of(evaluated: Iterable[Evaluated]) -> Reasons:
    """Per position of a row to be set aside the expectations that it failed."""
    reasons: Reasons = {}
    for each in evaluated:
        declared = each.prepared.declared
        if declared.severity == "quarantine" and not each.success:
            for position in each.positions or []:
                reasons.setdefault(int(position), []).append(declared)
    return reasons


def write(
    table: Path, day: date, rows: pa.Table, failed: list[list[Expectation]], lake: Path
) -> None:
    """Make `rows`, each with the expectations it failed, all that check set aside on `day`."""
    content = pa.table(
        {
            "expectation": ["; ".join(each.type for each in one) for one in failed],
            "reason": ["; ".join(each.why for each in one) for one in failed],
            "text": [json.dumps(row, default=str) for row in rows.to_pylist()],
        }
    )
    partitions.publish(table, day, content, lake, FILE)


def clear(table: Path, day: date) -> None:
    """Forget what check set aside on `day`."""
    target = partitions.partition(table, day, FILE)
    if target.exists():
        target.unlink()
        if not any(target.parent.iterdir()):
            target.parent.rmdir()
