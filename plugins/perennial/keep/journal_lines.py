"""How a journal is written down: segments of lines, each one entry in JSON with its number.

Entries that were appended together belong together: all but the last say `"more": true`, so that
a half-written append is told from a whole one, whether it ends within a line or between two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


@dataclass(frozen=True)
class Entry:
    """One line of a journal."""

    seq: int
    content: dict[str, Any]


def encode(first: int, entries: Sequence[dict[str, Any]]) -> bytes:
    """The lines of one append, numbered from `first`."""
    last = first + len(entries) - 1
    lines = []
    for seq, entry in enumerate(entries, start=first):
        if "seq" in entry or "more" in entry:
            raise ValueError(f"an entry must not have seq or more itself: {entry!r}")
        numbered = {"seq": seq, **entry} if seq == last else {"seq": seq, "more": True, **entry}
        lines.append(orjson.dumps(numbered, option=OPTIONS))
    return b"".join(lines)


def decode(line: bytes) -> tuple[Entry | None, bool]:
    """A whole line's entry, and whether its append ends with it.

    A line that is no entry (a torn or a damaged one) is None, and ends its append.
    """
    try:
        content = orjson.loads(line)
        is_last = not content.pop("more", False)
        return Entry(int(content.pop("seq")), content), is_last
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        return None, True


def segments(folder: Path) -> list[Path]:
    """The segments of a journal, the oldest first; each is named after its first number."""
    return sorted(folder.glob("*.jsonl"))


def segment(folder: Path, first: int) -> Path:
    """The segment that begins with the entry number `first`."""
    return folder / f"{first:020d}.jsonl"


def first_seq(path: Path) -> int:
    """The number of the first entry of a segment."""
    return int(path.stem)


def whole(path: Path) -> tuple[int, int]:
    """How many bytes of a segment are whole appends, and the number of the last entry in them."""
    size = offset = 0
    last = newest = first_seq(path) - 1
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            offset += len(line)
            entry, is_last = decode(line)
            if entry is not None:
                newest = max(newest, entry.seq)
            if is_last:
                size, last = offset, newest
    return size, last
