"""A release's record, arranged for its page: what changed when, and what each guardrail said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from perennial.draw.formats import words
from perennial.keep.releases import Recorded, Release
from perennial.release.record_history import Point
from perennial.release.record_names import name_of, short_of
from perennial.release.record_times import Hold, Stretch, holds_of, stretches_of

ENDED_BY = {"done": "promoted", "rolling_back": "rolling_back", "rolled_back": "rolling_back"}
"""The entry of the record whose measurements settled it, by the state that it came to."""


@dataclass(frozen=True)
class Row:
    """One tick that changed something."""

    at: str
    before: str
    after: str
    action: str
    why: str
    actor: str


@dataclass(frozen=True)
class Told:
    """All that is known of one release."""

    release: Release
    record: Sequence[Recorded]
    """The oldest entry first."""
    points: Sequence[Point]
    until: str
    """When it was read: what is under way is drawn until then."""

    @property
    def measured(self) -> list[dict[str, Any]]:
        """What settled it when it is over, else the newest measurements."""
        return settled_by(self.release, self.record)

    @property
    def newest(self) -> list[Point]:
        """The same as points; what is no number in it is none."""
        return [_point("", "", 0, each) for each in self.measured]

    @property
    def rows(self) -> list[Row]:
        """The ticks that changed something, the oldest first."""
        kind = self.release.kind
        names = [name_of(each.state, each.weight, kind) for each in self.record]
        return [
            Row(each.at, was, name, each.action, each.why, each.actor)
            for was, name, each in zip(["–", *names], names, self.record, strict=False)
        ]

    @property
    def stretches(self) -> list[Stretch]:
        """The traffic from the beginning until the end or now."""
        return stretches_of(self.release, self.record, self.until)

    @property
    def holds(self) -> list[Hold]:
        """Pauses, and times in which the evidence could not be read."""
        return holds_of(self.record, self.until)

    @property
    def guardrails(self) -> list[str]:
        """Every guardrail that was ever measured, in the order of the newest measurement."""
        seen = (*self.newest, *self._at_transitions(), *self.points)
        return list(dict.fromkeys(each.guardrail for each in seen))

    def series(self, guardrail: str) -> list[tuple[str, list[Point]]]:
        """What a guardrail said in each phase that measured it, in order."""
        found: dict[tuple[str, int], list[Point]] = {}
        for each in (*self.points, *self._at_transitions()):
            if each.guardrail == guardrail:
                found.setdefault(each.phase, []).append(each)
        names: dict[tuple[str, int], str] = {
            (each.state, each.step): short_of(each.state, each.weight) for each in self.record
        }
        ordered = sorted(found, key=lambda key: list(names).index(key) if key in names else -1)
        return [(names.get(key, words(key[0])), _in_order(found[key])) for key in ordered]

    def _at_transitions(self) -> Iterator[Point]:
        """What the ledger has: the measurements of the phase that each transition ended."""
        for before, entry in pairwise(self.record):
            for each in entry.measured:
                yield _point(entry.at, before.state, before.step, each)
        for each in self._since():
            yield _point(self.until, self.release.state, self.release.step, each)

    def _since(self) -> list[dict[str, Any]]:
        """The newest measurements; none when they are still those of the last transition."""
        fresh: list[dict[str, Any]] = json.loads(self.release.measured)
        return [] if any(fresh == each.measured for each in self.record) else fresh


def settled_by(release: Release, record: Sequence[Recorded]) -> list[dict[str, Any]]:
    """What a release was promoted or rolled back on when it is over, else the newest measured."""
    state = ENDED_BY.get(release.state)
    if state is not None:
        return next((each.measured for each in record if each.state == state), [])
    fresh: list[dict[str, Any]] = json.loads(release.measured)
    return fresh or next((each.measured for each in reversed(record) if each.measured), [])


def _in_order(points: list[Point]) -> list[Point]:
    return sorted(points, key=lambda each: (each.n, each.at))


def _point(at: str, state: str, step: int, measured: dict[str, Any]) -> Point:
    def number(name: str) -> float | None:
        value = measured.get(name)
        return value if isinstance(value, int | float) else None

    return Point(
        at=at,
        state=state,
        step=step,
        guardrail=str(measured.get("guardrail", "")),
        n=int(number("n") or 0),
        outcome=str(measured.get("outcome", "unknown")),
        estimate=number("estimate"),
        low=number("low"),
        high=number("high"),
        limit=number("limit"),
        says=str(measured.get("says", "")).removeprefix(f"{measured.get('guardrail')}: "),
    )
