"""The proof: a server answers the reference rows as the model did offline."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perennial.errors import IntegrityError

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Reference:
    """Rows that were answered offline when the version was packaged, and the answers."""

    columns: dict[str, list[Any]]
    scores: list[float]


def read_reference(path: Path) -> Reference:
    """The reference rows of a packaged version; `IntegrityError` when there are none to read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        reference = Reference(dict(content["columns"]), [float(each) for each in content["scores"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{path.name} cannot be read as reference rows: {error}") from error
    if not reference.scores:
        raise IntegrityError(f"{path.name} has no rows, so it proves nothing")
    return reference


def prove(reference: Reference, answered: Sequence[float | None]) -> float:
    """The largest difference between served and offline answers.

    Raises `IntegrityError` when one differs by more than 1e-9 or is not a finite number.
    """
    if len(answered) != len(reference.scores):
        raise IntegrityError(
            f"the reference has {len(reference.scores)} rows, the server answered {len(answered)}"
        )
    pairs = enumerate(zip(reference.scores, answered, strict=True))
    wrong = [
        (row, offline, served) for row, (offline, served) in pairs if not _is_same(offline, served)
    ]
    if wrong:
        row, offline, served = wrong[0]
        raise IntegrityError(
            f"{len(wrong)} of {len(answered)} reference rows are answered otherwise than offline; "
            f"row {row}: offline {offline!r}, served {served!r} (tolerance {TOLERANCE:g})"
        )
    return max(abs(a - (b or 0.0)) for a, b in zip(reference.scores, answered, strict=True))


def _is_same(offline: float, served: float | None) -> bool:
    if served is None or not math.isfinite(served):
        return False
    return abs(offline - served) <= TOLERANCE  # never so when offline is NaN
