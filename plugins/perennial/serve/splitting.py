"""Who asks which version during a release: pure functions of the question."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z


def place(release_id: int | None, known: dict[str, Any], sticky_by: Sequence[str] = ()) -> float:
    """Where a question stands between 0 and 1, the same for as long as the release lasts.

    The question goes to the challenger when its place is below the challenger's weight: the same
    fields always stand at the same place, so that a growing weight only moves callers from the
    champion to the challenger and never back. `known` are the question's fields; only those named
    in `sticky_by` count (all of them when it names none). Timestamps count in UTC, whatever offset
    they were written with. It is the SHA-256 of the release and the fields' JSON, names sorted.

    >>> place(1, {"shop": "north", "trays": 4}, ["shop"])
    0.35302066677144844
    >>> place(1, {"shop": "north", "trays": 9}, ["shop"])
    0.35302066677144844
    """
    fields = {name: _canonical(known[name]) for name in sticky_by or known}
    return _uniform(f"{release_id}:".encode() + orjson.dumps(fields, option=CANONICAL))


def is_copied(release_id: int | None, prediction_id: str, share: float) -> bool:
    """Whether an answer's question is copied to the challenger, so that any reader can tell."""
    return _uniform(f"{release_id}:shadow:{prediction_id}".encode()) < share


def is_interleaved(release_id: int | None, query_id: str, share: float) -> bool:
    """Whether both versions rank a query together, so that any reader can tell."""
    return _uniform(f"{release_id}:interleave:{query_id}".encode()) < share


def _canonical(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _uniform(content: bytes) -> float:
    return int.from_bytes(hashlib.sha256(content).digest(), "big") / 2**256
