"""Segments of journals whose every entry is in the lake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

from perennial.declare.project import Project
from perennial.housekeep.chosen import Chosen
from perennial.keep import journal_lines, releases
from perennial.keep.ledger import Ledger
from perennial.score.folding import folded_until


def done_with(project: Project, before: datetime) -> Iterator[Chosen]:
    """Segments of answers and labels that are folded, unread by releases, and written `before`."""
    under_way = releases.all_open(Ledger.of(project))
    folded = [folded_until(project, model) for model in project.models]
    if not folded:
        return
    needed_after = {
        "predictions": min([each[0] for each in folded] + [each.after_seq for each in under_way]),
        "feedback": min(
            [each[1] for each in folded] + [each.labels_after_seq for each in under_way]
        ),
    }
    for name, after in needed_after.items():
        present = journal_lines.segments(project.var / "journal" / name)
        for segment, following in pairwise(present):  # the last one is still written
            last = journal_lines.first_seq(following) - 1
            written = datetime.fromtimestamp(segment.stat().st_mtime, UTC)
            if last <= after and written < before:
                yield Chosen(segment, f"folded into the lake, last written {written:%Y-%m-%d}")
