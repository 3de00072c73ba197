"""Which answers are recomputed: spread over time and over entities, the same ones each time."""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perennial.keep.journal import Reader

Entry = dict[str, Any]
Ranked = tuple[int, int, Entry]
"""Minus its place in a random order, its number in the journal, and the answer itself."""


@dataclass
class Lowest:
    """The `most` answers that come first in an order that is random, and always the same."""

    most: int
    _heap: list[Ranked] = field(default_factory=list)

    def take(self, place: int, seq: int, entry: Entry) -> None:
        """Keep the answer when it is among the first."""
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, (-place, seq, entry))
        elif -place > self._heap[0][0]:
            heapq.heapreplace(self._heap, (-place, seq, entry))

    def found(self) -> list[tuple[int, Entry]]:
        """What was kept, with its number in the journal."""
        return [(seq, entry) for _, seq, entry in self._heap]


def answers_of(
    journal: Path, model: str, release_id: int | None, after_seq: int
) -> Iterable[tuple[int, Entry]]:
    """The journaled answers of a model after an entry; of one release when that is given."""
    reader = Reader(journal / "predictions", after=after_seq)
    while entries := reader.poll():
        for entry in entries:
            content = entry.content
            if content.get("kind") != "answer" or content.get("model") != model:
                continue
            if release_id is None or content.get("release_id") == release_id:
                yield entry.seq, content


def last_answers_of(
    journal: Path, model: str, version: str | None, n: int
) -> Iterable[tuple[int, Entry]]:
    """The last journaled answers of one version: 4 n, so that a sample of n may be spread."""
    answers = answers_of(journal, model, None, 0)
    return deque((each for each in answers if each[1].get("version") == version), maxlen=4 * n)


def has_answered(journal: Path, model: str, version: str) -> bool:
    """Whether any answer of a version is journaled."""
    answers = answers_of(journal, model, None, 0)
    return any(entry.get("version") == version for _, entry in answers)


def sample(
    answers: Iterable[tuple[int, Entry]], n: int, entity_of: Callable[[Entry], Any]
) -> list[Entry]:
    """At most `n` answers: the newest of each entity, then one more of each, random in time, …

    Memory is bounded by `n`: what is chosen from are 4 n answers that are random in time, and one
    of each of n entities that are random among all, so that a busy entity hides no other.
    """
    anywhere, one_each = Lowest(4 * n), _OneEach(n)
    for seq, entry in answers:
        anywhere.take(_place(entry.get("prediction_id", seq)), seq, entry)
        one_each.take(_place(entity_of(entry)), seq, entry)
    pool = dict(anywhere.found() + one_each.found())
    by_entity: dict[int, list[int]] = {}
    for seq in sorted(pool, reverse=True):
        by_entity.setdefault(_place(entity_of(pool[seq])), []).append(seq)
    for seqs in by_entity.values():
        seqs[1:] = sorted(seqs[1:], key=_place)
    return [pool[seq] for seq in _in_turns(list(by_entity.values()), n)]


class _OneEach:
    """The newest answer of each of `most` entities."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[int, tuple[int, Entry]] = {}

    def take(self, place: int, seq: int, entry: Entry) -> None:
        self._of[place] = seq, entry
        if len(self._of) > 2 * self._most:  # now and then, not for every answer
            self._of = {each: self._of[each] for each in heapq.nsmallest(self._most, self._of)}

    def found(self) -> list[tuple[int, Entry]]:
        return [self._of[each] for each in heapq.nsmallest(self._most, self._of)]


def _in_turns(groups: Sequence[list[int]], n: int) -> list[int]:
    chosen: list[int] = []
    for turn in range(max(map(len, groups), default=0)):
        chosen += [group[turn] for group in groups if turn < len(group)][: n - len(chosen)]
        if len(chosen) == n:
            break
    return chosen


def _place(value: Any) -> int:
    return int.from_bytes(hashlib.blake2b(repr(value).encode(), digest_size=8).digest())
