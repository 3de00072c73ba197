"""Whether the server of the new version takes ever more memory than that of the old one.

Memory that grows at first, or once, is none of a leak: so growth is looked at window by window,
and what counts is in how many of the windows it was beyond the limit. The median growth is that of
at least half of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from perennial.measure.sequential import UNKNOWN, Bounds, is_share
from perennial.release.measurement import Measurement, Setting, measured, number, undeclared

WINDOW = 25
"""Requests that the new version answers in one window; more where they come faster than looks."""

MOST_WINDOWS = 500
"""Windows that are kept; the first ones count, so that a controller that begins again agrees."""


@dataclass(frozen=True)
class Look:
    """What was answered so far in the release, and what both servers take, in megabytes."""

    n_old: int
    n_new: int
    old_mb: float | None
    new_mb: float


@dataclass
class Memory:
    """The growth of each window, in megabytes in 1,000 requests, new version minus old."""

    growths: list[float] = field(default_factory=list)
    is_read: bool = False
    _since: Look | None = None

    @classmethod
    def resumed(cls, shown: Iterable[dict[str, Any]]) -> Memory:
        """Goes on after what a release's record shows of it."""
        kept = next((each for each in shown if each.get("guardrail") == "memory_mb"), {})
        growths = [float(each) for each in kept.get("values", ())]
        return cls(growths, is_read=bool(growths))

    def take(self, look: Look) -> None:
        """Look once; a window ends when the new version has answered enough since it began."""
        self.is_read = True
        since = self._since
        if since is None or look.n_new < since.n_new:
            self._since = look
            return
        if look.n_new - since.n_new < WINDOW:
            return
        grown = _per_1000(look.new_mb - since.new_mb, look.n_new - since.n_new)
        n_old = look.n_old - since.n_old
        if n_old >= WINDOW and look.old_mb is not None and since.old_mb is not None:
            grown -= _per_1000(look.old_mb - since.old_mb, n_old)
        if len(self.growths) < MOST_WINDOWS:
            self.growths.append(round(grown, 2))
        self._since = look


def _per_1000(grown_mb: float, n: int) -> float:
    return grown_mb / n * 1000


def median_bounds(values: Iterable[float], confidence: float = 0.95) -> Bounds:
    """Bounds of the median of independent values of any distribution, in their unit.

    A value is no median when the share of those below or above it is surely not a half
    (`share_bounds`, both ends at half the error): exact at any number of looks. Fewer than some
    ten values: no bounds.

    Howard, Ramdas (2022), doi:10.3150/21-BEJ1388, section 3.

    >>> median_bounds([1.0] * 30)
    Bounds(estimate=1.0, low=1.0, high=1.0)
    """
    ranked = sorted(values)
    n = len(ranked)
    if not n:
        return UNKNOWN
    each = (1 + confidence) / 2
    outside = next((k for k in range(n // 2 + 1) if is_share(k, n, 0.5, each)), n // 2)
    if outside == 0:
        return Bounds(ranked[n // 2], -math.inf, math.inf)
    return Bounds(ranked[n // 2], ranked[outside - 1], ranked[n - outside])


def memory(seen: Memory, limit: float | None, setting: Setting) -> Measurement:
    """The median growth of all windows of the release.

    Needed as soon as it can be read at all, but not for the first step: what leaks in shadow costs
    nobody an answer.
    """
    name = "memory_mb"
    if limit is None:
        return undeclared(name)
    n, allowed = len(seen.growths), (-math.inf, limit)
    if not seen.is_read:
        why = "the new version's server has not told its memory, so nothing guards it"
        return measured(name, UNKNOWN, allowed, 0, why, is_needed=False)
    bounds = median_bounds(seen.growths, setting.confidence)
    says = f"in {n} windows the server's memory grew by {number(bounds.estimate)} MB (median) "
    says += "in 1,000 requests more than the old version's"
    declared = setting.declared
    goes_on = declared.kind == "interleave" or (declared.kind == "canary" and declared.steps)
    is_first = setting.state == "shadow" and bool(goes_on)
    found = measured(name, bounds, allowed, n, says, is_needed=not is_first)
    return replace(found, values=tuple(seen.growths))
