"""What both versions of a release have shown, phase by phase, read from the journals.

Evidence is a function of the journals and of where each phase begins in them, so that a controller
that was killed finds the very same again. It is held as counts and moments, whatever the traffic.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perennial.keep.journal import Entry, Reader
from perennial.keep.releases import Recorded, Release
from perennial.measure.shapes import deciles
from perennial.release.awaited import Answer, Awaited
from perennial.release.clicks import Clicks
from perennial.release.seen import Arm, Group, Pairs, Phase, Request
from perennial.release.slice_values import SliceValues

__all__ = ["Arm", "Evidence", "Pairs", "Phase"]

N_FOR_CUTS = 50
"""The champion's first scores, which make the cuts of the distributions and count for no more."""


class Evidence:
    """Follows the journals for one release.

    A score that is missing, not finite or (for probabilities) not from 0 to 1 is a failure: it is
    counted, and never compared. Entries of one version with one moment and one latency are one
    request's: those that the gateway asked together for several callers differ in the latter.
    """

    def __init__(
        self,
        journal: Path,
        release: Release,
        record: Sequence[Recorded],
        is_probability: bool,
        slices: Sequence[str] = (),
    ) -> None:
        self.phases = [Phase(each.after_seq) for each in record if _begins_phase(each)]
        self.cuts: tuple[float, ...] = ()
        self._first: list[float] = []
        self._release, self._is_probability = release, is_probability
        self._slices = SliceValues(slices)
        begins = self.phases[0].after_seq if self.phases else release.after_seq
        self._answers = Reader(journal / "predictions", after=begins)
        self._labels = Reader(journal / "feedback", after=release.labels_after_seq)
        self._awaited = Awaited(is_probability)
        self._clicks = Clicks()
        self._requests: dict[Any, tuple[Phase, bool, Request]] = {}

    @property
    def seen_seq(self) -> int:
        """The last entry that was read: a next phase begins after it."""
        return self._answers.after

    @property
    def now(self) -> Phase:
        """The newest phase; an empty one before the first begins."""
        return self.phases[-1] if self.phases else Phase(self._release.after_seq)

    @property
    def n_let_go(self) -> int:
        """Answers that were let go before their label came."""
        return self._awaited.n_let_go

    def begin(self, after_seq: int) -> None:
        """Count what comes after this entry as a phase of its own."""
        self.phases.append(Phase(after_seq))

    def n_requests(self, is_new: bool) -> int:
        """What one version was asked in the whole release."""
        return sum(each.arm(is_new).n for each in self.phases)

    def read(self) -> int:
        """Take in what was journaled since; how many entries that were.

        Labels are polled first: an answer is always journaled before its label. What one append
        wrote is polled together, so a request is whole at the end of a poll.
        """
        labels: list[Entry] = []
        while found := self._labels.poll():
            labels += found
        n = len(labels)
        while found := self._answers.poll():
            for entry in found:
                self._take(entry)
            self._close_requests()
            n += len(found)
        self._awaited.take(labels)
        self._clicks.take(labels)
        return n

    def _take(self, entry: Entry) -> None:
        content = entry.content
        place = bisect_left([each.after_seq for each in self.phases], entry.seq) - 1
        if place < 0 or content.get("release_id") != self._release.id:
            return
        phase = self.phases[place]
        kind = content.get("kind", "answer")
        at = (content["at"], content.get("latency_ms")) if "at" in content else entry.seq
        if kind == "failure":
            self._fail(phase, content.get("version"), int(content.get("n", 1)), at)
        elif kind == "shadow":
            self._copy(phase, content, at)
        elif kind != "answer":  # what was refused at the door says nothing of a version
            return
        elif content.get("fallback"):  # the challenger's question: the champion only helped out
            groups = self._slices.groups_of(content)
            self._fail(phase, content["fallback"].get("version"), 1, at, groups)
        elif content.get("other"):
            self._drafted(phase, content, at)
        else:
            self._answer(phase, content, at)

    def _fail(
        self, phase: Phase, version: str | None, n: int, at: Any, groups: tuple[Group, ...] = ()
    ) -> None:
        is_new = self._is_new(version)
        if is_new is not None:
            for request in self._of_request(phase, is_new, at, groups):
                request.fail(n)

    def _answer(self, phase: Phase, content: dict[str, Any], at: Any) -> None:
        is_new = self._is_new(content.get("version"))
        if is_new is None:
            return
        groups = self._slices.groups_of(content)
        score = self._observe(self._of_request(phase, is_new, at, groups), content)
        if score is not None:
            answer = Answer(phase, is_new, score, groups, is_ranked="query_id" in content)
            self._awaited.add(content.get("prediction_id", ""), answer)

    def _drafted(self, phase: Phase, content: dict[str, Any], at: Any) -> None:
        """Count an item of an interleaved ranking, which both versions were asked for."""
        is_new, other = self._is_new(content.get("version")), content["other"]
        if is_new is None or self._is_new(other.get("version")) in (None, is_new):
            return
        groups = self._slices.groups_of(content)
        other_at = (content["at"], other.get("latency_ms")) if "at" in content else at
        own_requests = self._of_request(phase, is_new, at, groups)
        other_requests = self._of_request(phase, not is_new, other_at, groups)
        own, others = self._observe(own_requests, content), self._observe(other_requests, other)
        if own is not None and others is not None:
            pair = (others, own) if is_new else (own, others)
            for request in own_requests if is_new else other_requests:
                request.pairs.append(pair)
        self._clicks.show(phase, content, is_new)

    def _copy(self, phase: Phase, content: dict[str, Any], at: Any) -> None:
        is_new = self._is_new(content.get("version"))
        if is_new is None:
            return
        answer = self._awaited.find(content.get("prediction_id", ""))
        if answer is not None:
            phase = answer.phase  # a copy may come after the next phase began
        requests = self._of_request(phase, is_new, at, answer.groups if answer else ())
        score = self._observe(requests, content)
        if score is None or answer is None or answer.copy is not None or answer.is_new == is_new:
            return
        answer.copy = score
        for request in requests:
            request.pairs.append((answer.score, score) if is_new else (score, answer.score))

    def _observe(self, requests: list[Request], content: dict[str, Any]) -> float | None:
        """Count one answer; its score, or None when it is a failure."""
        score = self._usable(content.get("score"))
        for request in requests:
            if score is None:
                request.fail()
            else:
                request.answer(score, float(content.get("latency_ms") or 0.0))
        return score

    def _of_request(
        self, phase: Phase, is_new: bool, at: Any, groups: tuple[Group, ...]
    ) -> list[Request]:
        """What is kept of the request until it is whole: of all of it, and of each group."""
        found = []
        for each in phase.of(groups):
            key = (id(each), is_new, at)
            if key not in self._requests:
                self._requests[key] = (each, is_new, Request())
            found.append(self._requests[key][2])
        return found

    def _close_requests(self) -> None:
        for phase, is_new, request in self._requests.values():
            request.close(phase, is_new, self.cuts)
            if not self.cuts and not is_new and any(phase is each for each in self.phases):
                self._first += request.scores
                if len(self._first) >= N_FOR_CUTS:
                    self.cuts = deciles(self._first)
        self._requests.clear()

    def _usable(self, score: Any) -> float | None:
        if isinstance(score, bool) or not isinstance(score, int | float):
            return None
        is_sane = math.isfinite(score) and (not self._is_probability or 0 <= score <= 1)
        return float(score) if is_sane else None

    def _is_new(self, version: str | None) -> bool | None:
        """Whether it is the release's version; None when it is neither that nor the one before."""
        if version is None:
            return None
        if version == self._release.version:
            return True
        return False if version == self._release.stable_version else None


def _begins_phase(recorded: Recorded) -> bool:
    return recorded.state in ("shadow", "canary", "promoted")
