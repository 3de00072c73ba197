"""Whether the new version is good overall and broken where a declared slice has some value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from perennial.measure.sequential import MIN_EACH
from perennial.release.measurement import Measurement, Outcome, Setting, undeclared
from perennial.release.seen import Group, Phase
from perennial.release.slice_values import MOST_VALUES

Look = Callable[[Sequence[Phase], Setting], Measurement]


OFTEN = 0.05
"""A value with so large a share of the requests is waited for."""


def slices(phases: Sequence[Phase], setting: Setting, looks: Mapping[str, Look]) -> Measurement:
    """Every look at every group with 20 requests, at an equal share of the error.

    Fails when any group surely fails. A step waits for a group only while it looks beyond its
    limit and that is not sure, and until each value of 5 % of the requests or more has had 20 in
    some phase: no rare value holds up a release that is well.
    """
    names = setting.declared.guardrails.slices
    if not names:
        return undeclared("slices")
    n_parts = len(names) * MOST_VALUES * len(looks)
    shared = replace(setting, part=setting.part / n_parts)
    found = list(_looked(phases, shared, looks))
    n_groups = len({group for group, _ in found})
    for group, each in found:
        if each.outcome == "failed":
            return _told(group, each, n_groups)
    suspected = [(group, each) for group, each in found if _looks_beyond(each)]
    if suspected:
        group, worst = max(suspected, key=lambda one: abs(one[1].estimate or 0.0))
        return _told(group, worst, n_groups)
    says = f"slices: none of {n_groups} values of {', '.join(names)} looks beyond a limit"
    awaited = _awaited(phases)
    unseen = [name for name in names if not any(name == group[0] for group, _ in found)]
    if awaited:
        says += f"; {', '.join(awaited)} must have {MIN_EACH} requests first"
    elif unseen:
        says += f"; no value of {', '.join(unseen)} has {MIN_EACH} requests yet"
    outcome: Outcome = "inconclusive" if unseen or awaited else "passed"
    return Measurement("slices", outcome, None, None, None, None, n_groups, bool(awaited), says)


def _awaited(phases: Sequence[Phase]) -> list[str]:
    """The values that are often asked for, and were in no phase enough to be looked at."""
    now = phases[-1]
    return [
        f"{name} {value}"
        for (name, value), group in now.groups.items()
        if group.new.n >= OFTEN * now.new.n
        and max(each.groups[name, value].new.n for each in phases if (name, value) in each.groups)
        < MIN_EACH
    ]


def _looked(
    phases: Sequence[Phase], setting: Setting, looks: Mapping[str, Look]
) -> Iterator[tuple[Group, Measurement]]:
    groups = dict.fromkeys(group for phase in phases for group in phase.groups)
    for group in groups:
        of_group = [phase.groups[group] for phase in phases if group in phase.groups]
        is_now = group in phases[-1].groups
        for name, look in looks.items():
            given = of_group if name == "loss" else of_group[-1:] if is_now else []
            if given and max(phase.new.n for phase in given) >= MIN_EACH:
                yield group, look(given, setting)


def _looks_beyond(found: Measurement) -> bool:
    """Beyond its limit even less a third of its uncertainty, which is some two standard errors."""
    if found.estimate is None or found.limit is None or found.n < MIN_EACH:
        return False
    beyond = found.estimate - (found.estimate - _or_inf(found.low, -1)) / 3 > found.limit
    below = found.estimate + (_or_inf(found.high, 1) - found.estimate) / 3 < -found.limit
    return beyond or (found.guardrail == "score_shift" and below)


def _or_inf(end: float | None, sign: int) -> float:
    return sign * math.inf if end is None else end


def _told(group: Group, found: Measurement, n_groups: int) -> Measurement:
    says = f"slices: where {group[0]} is {group[1]}, {found.says}"
    return replace(found, guardrail="slices", is_needed=True, says=says, n=n_groups)
