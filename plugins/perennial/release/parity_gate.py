"""The guardrail `parity`: what answers were made from is recomputed before each promotion.

Each phase has one comparison (`release.parity_comparison`). Whatever happens to it, a release is
never promoted without its word.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from perennial.declare.project import Project
from perennial.declare.release import Release as Declared
from perennial.keep import release_changes
from perennial.keep.ledger import Ledger
from perennial.keep.releases import UNDER_WAY, Release
from perennial.release import parity_comparison
from perennial.release.guardrails import Measurement
from perennial.release.kinds import is_next_promoted, n_needed
from perennial.release.measurement import PARITY, undeclared
from perennial.release.parity_comparison import Comparison, not_yet


class ParityGate:
    """Keeps each release's comparison: started when all else has passed, kept with the release."""

    def __init__(self, project: Project, ledger: Ledger) -> None:
        self._project, self._ledger = project, ledger
        self._of: dict[tuple[int, int], Comparison] = {}

    def beside(
        self, release: Release, declared: Declared, measured: Sequence[Measurement], n: int
    ) -> list[Measurement]:
        """What was measured, and beside it how parity stands; never waits.

        `n` are the answers of this phase that count. Nothing is added where nothing is measured,
        unless the promotion comes next, and after the promotion.
        """
        others = [each for each in measured if each.guardrail != PARITY]
        key = (release.id, release.after_seq)
        for gone in [each for each in self._of if each[0] == release.id and each != key]:
            self._of.pop(gone).end()
        if not _is_asked(release, declared, others):
            if key in self._of:
                self._of.pop(key).end()
            return others
        return [*others, self._look(release, declared, others, n)]

    def at_once(
        self, release: Release, declared: Declared, measured: Sequence[Measurement]
    ) -> list[Measurement]:
        """The same for a person who waits for it, whether all else has passed or not."""
        others = [each for each in measured if each.guardrail != PARITY]
        if release.state not in UNDER_WAY:
            return others
        if declared.parity is None:
            return [*others, undeclared(PARITY)]
        now = Comparison.of(release)
        if not now.is_over:
            now.start(self._project, release)
            if now.process is not None:
                now.wait()
                now.heed(release, declared.parity.max_share, waited=parity_comparison.LIMIT_SECONDS)
                self._keep(release, others, now)
        return [*others, now.told]

    def close(self) -> None:
        """End what runs."""
        for each in self._of.values():
            each.end()
        self._of.clear()

    def _look(
        self, release: Release, declared: Declared, others: Sequence[Measurement], n: int
    ) -> Measurement:
        if declared.parity is None:
            return undeclared(PARITY)
        if not is_next_promoted(release, declared):
            return not_yet("recomputed after the last step, before the promotion", is_needed=False)
        now = self._of.setdefault((release.id, release.after_seq), Comparison.of(release))
        if now.is_over:
            return now.told
        is_first = release.state == "pending"  # no answers of its own: the champion's are taken
        if now.process is not None:
            n_least = min(declared.min_requests, declared.parity.rows) if is_first else 0
            now.heed(release, declared.parity.max_share, n_least)
            self._keep(release, others, now)
        elif not is_first and (n < n_needed(release, declared) or _open_in(others)):
            return not_yet("recomputed once everything else has passed")
        elif time.monotonic() >= now.not_before:
            now.start(self._project, release)
        return now.told

    def _keep(self, release: Release, others: Sequence[Measurement], now: Comparison) -> None:
        if now.is_over:  # for who comes after
            shown = [each.shown() for each in (*others, now.told)]
            release_changes.show_measured(self._ledger, release, shown)


def _is_asked(release: Release, declared: Declared, others: Sequence[Measurement]) -> bool:
    if release.state == "pending":
        return is_next_promoted(release, declared)
    return bool(others) and release.state in UNDER_WAY


def _open_in(others: Sequence[Measurement]) -> bool:
    return any(each.is_needed and each.outcome != "passed" for each in others)
