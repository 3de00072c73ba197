"""Which journaled events were there at a past moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from perennial.features.parity_journal import events_of
from perennial.keep.journal import Journal
from perennial.keep.journal_lines import segments

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
BEGIN = NOON - timedelta(days=9)


def minutes(n: float) -> datetime:
    return NOON + timedelta(minutes=n)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Each append begins a segment of its own."""
    return Journal(tmp_path / "events", segment_bytes=1)


def journaled(journal: Journal, *received: float) -> None:
    for n in received:
        journal.append([{"received_at": minutes(n).isoformat(), "row": {"minute": n}}])
    journal.close()


def told(journal: Journal, since: datetime, last: datetime, begins_at: int = 1) -> list[float]:
    found = events_of(journal.folder, "visits", begins_at, since, last)
    return [each.row["minute"] for each in found]


def test_a_journal_that_was_never_begun_tells_of_nothing(tmp_path: Path) -> None:
    assert events_of(tmp_path / "events", "visits", 1, BEGIN, NOON) == []


def test_what_came_later_was_not_known(journal: Journal) -> None:
    journaled(journal, 0, 1, 2)
    assert told(journal, BEGIN, minutes(1)) == [0, 1]
    assert told(journal, BEGIN, minutes(-1)) == []


def test_a_clock_that_was_set_back_changes_no_order(journal: Journal) -> None:
    journaled(journal, 0, 5, 3, 6)
    found = events_of(journal.folder, "visits", 1, BEGIN, minutes(6))
    assert [(each.seq, each.received_at) for each in found] == [
        (1, minutes(0)), (2, minutes(5)), (3, minutes(5)), (4, minutes(6)),
    ]  # fmt: skip


def test_segments_from_before_are_passed_over_but_the_last_of_them(journal: Journal) -> None:
    journaled(journal, 0, 1, 2, 3)
    assert len(segments(journal.folder)) == 4
    assert told(journal, minutes(2.5), minutes(9)) == [2, 3]


def test_what_was_before_the_story_began_is_left_out(journal: Journal) -> None:
    journaled(journal, 0, 1, 2)
    assert told(journal, BEGIN, minutes(9), begins_at=3) == [2]
