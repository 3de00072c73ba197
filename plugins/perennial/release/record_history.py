"""What each guardrail said over time: every measurement that told something new, thinned.

The ledger has the measurements of each transition; those in between are here, in a journal of the
release's own. It is for the record only: nothing is decided on it, and a disk that refuses it holds
up no release. What was not kept is counted, and told with the next entry that is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from perennial.declare.project import Project
from perennial.keep import journal
from perennial.keep.journal import Journal
from perennial.keep.releases import Release
from perennial.release.guardrails import Measurement

logger = logging.getLogger(__name__)

GROWTH = 1.02
"""By how much its observations grow until a measurement is kept again: all of the first fifty, and
some 600 of ten million in one phase."""

MOST_TURNS = 500
"""Changes of the outcome that are kept beside that, of one guardrail in one phase."""

SEGMENT_BYTES = 1024 * 1024
"""Small, because the newest segment is read whole each time that something is added."""


@dataclass(frozen=True)
class Point:
    """One guardrail at one moment of one phase."""

    at: str
    state: str
    step: int
    guardrail: str
    n: int
    outcome: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    says: str = ""
    """In words, when the outcome is another than before."""
    n_not_kept: int = 0
    """Points before this one that the disk did not take."""

    @property
    def phase(self) -> tuple[str, int]:
        """The phase that it belongs to: a release is in each only once."""
        return self.state, self.step


Series = tuple[str, int, str]


class History:
    """The journal of one release's measurements; goes on where a killed controller stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.n_not_kept = 0
        self._last: dict[Series, Point] = {}
        self._n_turns: dict[Series, int] = {}
        for point in points(folder):
            self._note(point)

    def add(self, release: Release, measured: Sequence[Measurement], at: str) -> int:
        """Keep what is new in `measured`; how many points that were. Never raises for the disk."""
        due = [each for each in map(_made(release, at), measured) if self._is_due(each)]
        if not due:
            return 0
        try:
            self._append([self._told(each) for each in due])
        except OSError as error:
            if not self.n_not_kept:
                logger.warning("measurements of release %d are not kept: %s", release.id, error)
            self.n_not_kept += len(due)
            return 0
        for each in due:
            self._note(each)
        return len(due)

    def _append(self, due: Sequence[Point]) -> None:
        writer = Journal(self.folder, SEGMENT_BYTES)
        try:
            entries = [_short(each) for each in due]
            if self.n_not_kept:
                entries[0]["n_not_kept"] = self.n_not_kept
            writer.append(entries)
        finally:
            writer.close()
        self.n_not_kept = 0

    def _told(self, point: Point) -> Point:
        before = self._last.get(_series(point))
        is_turn = before is None or before.outcome != point.outcome
        return point if is_turn else Point(**{**asdict(point), "says": ""})

    def _is_due(self, point: Point) -> bool:
        series = _series(point)
        before = self._last.get(series)
        if point.outcome == "undeclared":
            return False
        if before is None:
            return point.n > 0 or point.outcome != "inconclusive"
        if point.n >= before.n * GROWTH and point.n > before.n:
            return True
        is_turn = point.outcome != before.outcome or point.n < before.n
        return is_turn and (point.outcome == "failed" or self._n_turns[series] < MOST_TURNS)

    def _note(self, point: Point) -> None:
        series = _series(point)
        before = self._last.get(series)
        is_turn = before is not None and (before.outcome != point.outcome or point.n < before.n)
        self._n_turns[series] = self._n_turns.get(series, 0) + is_turn
        self._last[series] = point


def folder_of(project: Project, release_id: int) -> Path:
    """Where the measurements of a release are kept."""
    return project.var / "journal" / "releases" / str(release_id)


def points(folder: Path) -> Iterator[Point]:
    """Everything that was kept, the oldest first; what is torn or of another form is left out."""
    known = {each.name for each in fields(Point)}
    for entry in journal.read(folder):
        try:
            yield Point(**{name: entry.content[name] for name in known & entry.content.keys()})
        except TypeError:  # a field is missing
            logger.warning("entry %d of %s is no measurement", entry.seq, folder)


def _made(release: Release, at: str) -> Any:
    def make(measured: Measurement) -> Point:
        return Point(
            at, release.state, release.step, measured.guardrail, measured.n, measured.outcome,
            measured.estimate, measured.low, measured.high, measured.limit, measured.says,
        )  # fmt: skip

    return make


def _series(point: Point) -> Series:
    return point.state, point.step, point.guardrail


def _short(point: Point) -> dict[str, Any]:
    """Without what has its default: most of a point's fields say nothing most of the time."""
    return {name: value for name, value in asdict(point).items() if value not in (None, "")}
