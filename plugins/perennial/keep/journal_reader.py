"""Reads a journal, from any place on, also while it is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from perennial.keep.journal_lines import Entry, decode, segments


@dataclass
class Reader:
    """Follows a journal from a place; `poll` gives what has come since.

    `n_torn` lines could not be read, and `n_missing` numbers were passed over (those of damaged
    lines too): what comes next has a higher number than the last one's next. A reader that begins
    at 0 takes the first entry that there still is as the journal's beginning.
    """

    folder: Path
    after: int = 0
    n_torn: int = 0
    n_missing: int = 0
    _segment: Path | None = None
    _offset: int = 0

    def poll(self, limit: int = 10_000) -> list[Entry]:
        """The next entries after the last one returned, in order.

        What was appended together comes together, so that it may be a few more than `limit`.
        """
        found: list[Entry] = []
        for segment in self._from_here():
            if segment != self._segment:
                self._segment, self._offset = segment, 0
            with suppress(FileNotFoundError):  # put away meanwhile; a gap would be counted
                self._read(segment, found, limit)
            if len(found) >= limit:
                break
        return found

    def _read(self, segment: Path, found: list[Entry], limit: int) -> None:
        together: list[Entry] = []
        offset = self._offset
        with segment.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # being written right now, or torn: the next poll tells
                offset += len(line)
                entry, is_last = decode(line)
                if entry is None:
                    self.n_torn += 1
                elif entry.seq > self.after:
                    together.append(entry)
                if is_last:
                    self._take(together, found, offset)
                    together = []
                    if len(found) >= limit:
                        break

    def _take(self, together: list[Entry], found: list[Entry], offset: int) -> None:
        found += together
        self._offset = offset
        if together:
            if self.after:
                self.n_missing += together[-1].seq - self.after - len(together)
            self.after = together[-1].seq

    def _from_here(self) -> list[Path]:
        present = segments(self.folder)
        if self._segment is not None:
            return [each for each in present if each >= self._segment]
        later = [each for each in present if int(each.stem) > self.after + 1]
        return present[max(0, len(present) - len(later) - 1) :]


def read(folder: Path) -> Iterator[Entry]:
    """Every entry of a journal, the oldest first; torn lines are left out."""
    reader = Reader(folder)
    while entries := reader.poll():
        yield from entries
