"""Through which phases a release goes, and where it is."""

from __future__ import annotations

from dataclasses import dataclass

from perennial.declare import release as declaring
from perennial.draw.formats import words
from perennial.release.kinds import KINDS
from perennial.release.record_names import short_of
from perennial_airflow.page.shelf import OneRelease

BACK = ("rolling_back", "rolled_back")


@dataclass(frozen=True)
class Phase:
    """One phase of the way: past, now, ahead, or failed."""

    name: str
    place: str


def phases_of(one: OneRelease, declared: declaring.Release | None) -> list[Phase]:
    """The declared way, with the place that the release has reached on it.

    A release that went back shows how far it came, and its end in place of the rest of the way.
    """
    names = _names(one, declared)
    reached = _reached(one, names)
    state = one.release.state
    if state in BACK:
        ended = Phase(words(state), "failed" if state == "rolled_back" else "now")
        return [*(Phase(name, "past") for name in names[: reached + 1]), ended]
    places = ["past"] * reached + ["now"] + ["ahead"] * len(names)
    if state == "done":
        places[reached] = "past"
    return [Phase(name, place) for name, place in zip(names, places, strict=False)]


def _names(one: OneRelease, declared: declaring.Release | None) -> list[str]:
    if declared is None or one.release.kind != declared.kind:
        return ["promoted", "done"]
    ahead = [short_of(each.state, each.weight) for each in KINDS[declared.kind](declared)]
    if not ahead and one.release.state == "pending":  # it waits for what is recomputed before
        ahead = ["pending"]
    return [*ahead, "promoted", "done"]


def _reached(one: OneRelease, names: list[str]) -> int:
    """The place of the furthest phase by the record; 0 where the declaration has changed since."""
    states = [(one.release.state, one.release.weight)]
    states += [(each.state, each.weight) for each in reversed(one.record)]
    state, weight = next((each for each in states if each[0] not in BACK), ("pending", 0.0))
    name = short_of(state, weight)
    return names.index(name) if name in names else 0
