"""What a place hands over: files on this machine, ready to be read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from perennial.errors import UnavailableError
from perennial.land.landed import Delivered


@dataclass(frozen=True)
class Part:
    """One readable file: a delivered file itself, or what was unpacked from it."""

    name: str  # as messages show it
    path: Path
    file: str  # the name of the delivered file that it belongs to
    is_posted: bool = False  # an event journal


@dataclass
class Delivery:
    """Everything that one source delivered, in order."""

    parts: list[Part] = field(default_factory=list)
    files: list[Delivered] = field(default_factory=list)
    in_place: dict[Path, os.stat_result] = field(default_factory=dict)  # read where they lie

    def add(self, other: Delivery) -> None:
        """Append what `other` holds."""
        self.parts += other.parts
        self.files += other.files
        self.in_place |= other.in_place

    def raise_when_changed(self) -> None:
        """Raise `UnavailableError` when a file that is read where it lies was written meanwhile."""
        for path, before in self.in_place.items():
            now = path.stat()
            if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise UnavailableError(
                    f"{path.name} changed while it was read: write deliveries under another name "
                    "and rename them when they are whole"
                )


@dataclass(frozen=True)
class Script:
    """How a CSV part is written, and which of its lines could not be split into columns."""

    path: Path
    delimiter: str
    n_columns: int
    refused_lines: frozenset[int]


@dataclass(frozen=True)
class Refused:
    """A row that cannot be taken in, and why."""

    file: str
    line: int | None
    column: str | None
    reason: str
    text: str
    is_posted: bool = field(default=False, compare=False)


@dataclass
class Reading:
    """What reading noticed beside the rows."""

    folder: Path  # for copies
    refused: list[Refused] = field(default_factory=list)
    added_columns: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    scripts: dict[int, Script] = field(default_factory=dict)  # of the CSV parts
    n_torn: int = 0


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    """The content of an open file, a mebibyte at a time."""
    while block := file.read(1 << 20):
        yield block


def digested(content: Iterable[bytes], name: str, target: Path) -> Delivered:
    """Write `content` to `target` and tell how much came."""
    total, digest = 0, hashlib.sha256()
    with target.open("wb") as file:
        for block in content:
            file.write(block)
            digest.update(block)
            total += len(block)
    return Delivered(file=name, bytes=total, sha256=digest.hexdigest())
