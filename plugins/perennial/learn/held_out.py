"""Which rows a learner keeps aside to know when it is enough, and whether both parts will do."""

from __future__ import annotations

from typing import Any

import numpy as np

from perennial.errors import NotEnoughEvidenceError
from perennial.learn.contract import DayArray, Evidence


def part(evidence: Evidence, is_taken: Any) -> Evidence:
    """The rows of a pyarrow Table's evidence for which `is_taken` (n,) holds."""
    import pyarrow as pa

    rows = evidence.rows.filter(pa.array(is_taken))
    return Evidence(rows, evidence.labels[is_taken], evidence.days[is_taken])


def held_out(days: DayArray, n_days: int) -> Any:
    """Which rows (n,) lie on the last `n_days` calendar days of `days` (n,).

    >>> held_out(np.array(["2024-01-01", "2024-01-05"], dtype="datetime64[D]"), 2)
    array([False,  True])
    """
    cutoff = days.max() - np.timedelta64(n_days - 1, "D")
    is_last = days >= cutoff
    if is_last.all():
        raise NotEnoughEvidenceError(
            f"stopping holds out the last {n_days} days, but the labelled rows reach only from "
            f"{days.min()} to {days.max()}: nothing is left to learn from (declared in "
            "train.stopping.days)"
        )
    return is_last


def both_classes(labels: Any, where: str) -> None:
    """Raise NotEnoughEvidenceError unless labels (n,) hold a 0 and a 1."""
    if not labels.size or labels.min() == labels.max():
        found = (
            f"all {labels.size} labels of {where} are {labels[0]:g}"
            if labels.size
            else (f"{where} have no labels")
        )
        raise NotEnoughEvidenceError(f"{found}; two classes are needed")
