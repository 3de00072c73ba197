"""Which values of the declared slices are looked at: the first of each that came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perennial.release.seen import Group

MOST_VALUES = 20
"""Values of a declared slice that are looked at; the error is shared between so many."""


class SliceValues:
    """The values of each declared slice that questions had so far."""

    def __init__(self, slices: Sequence[str]) -> None:
        self._values: dict[str, set[str]] = {name: set() for name in slices}

    def groups_of(self, content: dict[str, Any]) -> tuple[Group, ...]:
        """The groups that a journaled question belongs to."""
        known = {**(content.get("features") or {}), **(content.get("request") or {})}
        found = []
        for name, values in self._values.items():
            value = known.get(name)
            if value is None:
                continue
            if len(values) < MOST_VALUES:
                values.add(str(value))
            if str(value) in values:
                found.append((name, str(value)))
        return tuple(found)
