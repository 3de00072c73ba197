"""Whom the gateway refused lately, out of the journal of predictions."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from perennial.keep.journal_lines import decode, segments

MARK = b'"kind":"refusal"'


class Refused(NamedTuple):
    """What some requests have in common; None: not told of a sum, or not known."""

    status: int
    code: str
    path: str | None
    key: str | None


def refused_since(folder: Path, moment: datetime) -> Counter[Refused]:
    """How many requests were refused since a moment, by status, code, path and key."""
    found: Counter[Refused] = Counter()
    for segment in segments(folder):
        if segment.stat().st_mtime < moment.timestamp():
            continue
        with segment.open("rb") as file:
            for line in file:
                content = entry.content if MARK in line and (entry := decode(line)[0]) else {}
                if content and datetime.fromisoformat(content["at"]) >= moment:
                    found[_named(content)] += int(content["n"])
    return found


def _named(content: dict[str, Any]) -> Refused:
    return Refused(content["status"], content["code"], content.get("path"), content.get("key"))
