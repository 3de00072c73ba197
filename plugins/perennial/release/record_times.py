"""The times of a release: how its traffic stood from when to when, and when it was held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from perennial.keep.releases import SAME_EVIDENCE, Recorded, Release
from perennial.release.record_names import name_of, short_of

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


def stretches_of(release: Release, record: Sequence[Recorded], until: str) -> list[Stretch]:
    """The traffic from the beginning until the end, or until `until` for what is under way."""
    moved = [each for each in record if each.action not in SAME_EVIDENCE]
    ends = [each.at for each in moved[1:]]
    if moved and release.is_open:
        ends.append(until)
    found = zip(moved, _moments([each.at for each in moved]), _moments(ends), strict=False)
    kind = release.kind
    return [_stretch(entry, kind, start, end) for entry, start, end in found if start and end]


def holds_of(record: Sequence[Recorded], until: str) -> list[Hold]:
    """Pauses, and times in which the evidence could not be read."""
    return [each for action in HOLDS for each in _holds(record, action, until)]


def _holds(record: Sequence[Recorded], action: str, until: str) -> Iterator[Hold]:
    since: Recorded | None = None
    for each in (*record, None):
        is_over = each is None or each.action == HOLDS[action]
        is_over = is_over or (each is not None and each.action not in SAME_EVIDENCE)
        if since is not None and is_over:
            start, end = _moments([since.at, each.at if each else until])
            if start and end:
                yield Hold(action, start, end, since.why, since.actor)
            since = None
        if each is not None and each.action == action:
            since = since or each


def _stretch(entry: Recorded, kind: str, start: datetime, end: datetime) -> Stretch:
    weight = 1.0 if entry.state in ("promoted", "done") else entry.weight
    if kind == "interleave" and entry.state == "canary":
        weight /= 2  # of each interleaved ranking half of the items are the new version's
    name, short = name_of(entry.state, entry.weight, kind), short_of(entry.state, entry.weight)
    return Stretch(name, short, start, max(start, end), weight, entry.shadow)


def _moments(texts: Sequence[str]) -> list[datetime | None]:
    return [_moment(each) for each in texts]


def _moment(text: str) -> datetime | None:
    """When it was, in UTC; None when that cannot be read."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
