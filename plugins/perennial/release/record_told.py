"""A release's record, arranged for its page: what changed when, and what each guardrail said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from perennial.draw.formats import share, words
from perennial.keep.releases import SAME_EVIDENCE, Recorded, Release
from perennial.release.record_history import Point

ENDED_BY = {"done": "promoted", "rolling_back": "rolling_back", "rolled_back": "rolling_back"}
"""The entry of the record whose measurements settled it, by the state that it came to."""

HOLDS = {"pause": "resume", "blind": "see"}
"""What holds a release where it is, and what lets it go on; another state does too."""


@dataclass(frozen=True)
class Stretch:
    """A time in which the traffic stayed the same."""

    name: str
    short: str
    """Its name where there is little room."""
    start: datetime
    end: datetime
    weight: float
    """The share of the questions that the new version answers."""
    copied: float
    """The share of the questions that the other version is asked too."""


@dataclass(frozen=True)
class Hold:
    """A time in which a release was held where it was."""

    action: str
    start: datetime
    end: datetime
    why: str
    actor: str


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
        moved = [each for each in self.record if each.action not in SAME_EVIDENCE]
        ends = [each.at for each in moved[1:]]
        if moved and self.release.is_open:
            ends.append(self.until)
        found = zip(moved, _moments([each.at for each in moved]), _moments(ends), strict=False)
        kind = self.release.kind
        return [_stretch(entry, kind, start, end) for entry, start, end in found if start and end]

    @property
    def holds(self) -> list[Hold]:
        """Pauses, and times in which the evidence could not be read."""
        return [each for action in HOLDS for each in self._holds(action)]

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

    def _holds(self, action: str) -> Iterator[Hold]:
        since: Recorded | None = None
        for each in (*self.record, None):
            is_over = each is None or each.action == HOLDS[action]
            is_over = is_over or (each is not None and each.action not in SAME_EVIDENCE)
            if since is not None and is_over:
                start, end = _moments([since.at, each.at if each else self.until])
                if start and end:
                    yield Hold(action, start, end, since.why, since.actor)
                since = None
            if each is not None and each.action == action:
                since = since or each


def settled_by(release: Release, record: Sequence[Recorded]) -> list[dict[str, Any]]:
    """What a release was promoted or rolled back on when it is over, else the newest measured."""
    state = ENDED_BY.get(release.state)
    if state is not None:
        return next((each.measured for each in record if each.state == state), [])
    fresh: list[dict[str, Any]] = json.loads(release.measured)
    return fresh or next((each.measured for each in reversed(record) if each.measured), [])


def name_of(state: str, weight: float, kind: str = "canary") -> str:
    """A phase as a person reads it.

    >>> name_of("canary", 0.05), name_of("rolling_back", 0.0)
    ('canary 5 %', 'rolling back')
    >>> name_of("canary", 0.5, "interleave")
    'interleaved 50 %'
    """
    if state != "canary":
        return words(state)
    return f"{'interleaved' if kind == 'interleave' else words(state)} {share(weight)}"


def short_of(state: str, weight: float) -> str:
    """The same where there is little room.

    >>> short_of("canary", 0.05), short_of("shadow", 0.0)
    ('5 %', 'shadow')
    """
    return share(weight) if state == "canary" else words(state)


def _stretch(entry: Recorded, kind: str, start: datetime, end: datetime) -> Stretch:
    weight = 1.0 if entry.state in ("promoted", "done") else entry.weight
    if kind == "interleave" and entry.state == "canary":
        weight /= 2  # of each interleaved ranking half of the items are the new version's
    name, short = name_of(entry.state, entry.weight, kind), short_of(entry.state, entry.weight)
    return Stretch(name, short, start, max(start, end), weight, entry.shadow)


def _moments(texts: Sequence[str]) -> list[datetime | None]:
    return [moment(each) for each in texts]


def moment(text: str) -> datetime | None:
    """When it was, in UTC; None when that cannot be read."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


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
