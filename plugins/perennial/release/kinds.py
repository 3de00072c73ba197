"""The kinds of releases: through which phases each goes, and when each phase is over.

A kind is a list of phases; what is true of all kinds (guardrails, time limit, a person's word) is
the machine's. Another kind is another entry in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from perennial.declare.release import Ab
from perennial.declare.release import Kind as KindName
from perennial.declare.release import Release as Declared
from perennial.keep.releases import Release
from perennial.release.known import Known
from perennial.release.measurement import PARITY

Move = Literal["on", "back", "told"]
"""What ends a phase: the next one, the champion, or the same traffic with a verdict on record."""


@dataclass(frozen=True)
class Ending:
    """That a phase is over, and why."""

    move: Move
    why: str


IsOver = Callable[[Release, Declared, Known], Ending | None]


@dataclass(frozen=True)
class Phase:
    """One phase of a kind: the traffic in it, and when it is over."""

    state: Literal["shadow", "canary"]
    is_over: IsOver
    weight: float = 0.0
    shadow: float = 0.0


def when_passed(release: Release, declared: Declared, known: Known) -> Ending | None:
    """On as soon as enough was asked and everything that is needed has passed."""
    if known.n < n_needed(release, declared) or not known.measured or open_still(known):
        return None
    passed = [each.guardrail for each in known.measured if each.outcome == "passed"]
    why = f"after {known.n} questions passed: {', '.join(passed) or 'nothing is declared'}"
    return Ending("on", why)


def when_told(release: Release, declared: Declared, known: Known) -> Ending | None:
    """Its verdict is put on record when it has passed; then only a person leads on."""
    if release.has_verdict:
        return None
    ending = when_passed(release, declared, known)
    why = "waits for a person: `perennial release promote`, or the time limit and the champion"
    return ending and Ending("told", f"{ending.why}; {why}")


def when_its_time_is_over(release: Release, declared: Declared, known: Known) -> Ending | None:
    """On by the verdict after the declared time, else back."""
    assert declared.ab is not None
    age = known.now - datetime.fromisoformat(release.state_since)
    if age < timedelta(hours=declared.ab.hours):
        return None
    ending = verdict(declared.ab, declared, known)
    return None if ending.move == "told" and release.has_verdict else ending


def verdict(asked: Ab, declared: Declared, known: Known) -> Ending:
    """Whether the challenger is surely better on the metric, or surely not worse by the margin.

    Any doubt ends with the champion: too few answers, no bounds, another guardrail still open. Only
    parity is waited for, as long as the verdict holds: it is told when everything else has passed.
    """
    found = next((each for each in known.measured if each.guardrail == asked.metric), None)
    wanted = f"surely {'better' if not asked.margin else f'not worse by {asked.margin:g}'}"
    if found is None or found.high is None or found.low is None:
        return Ending("back", f"after {asked.hours:g} hours {asked.metric} has no bounds")
    says = f"{asked.metric} differs by {found.low:.3g} to {found.high:.3g} after {asked.hours:g} h"
    if known.n < declared.min_requests:
        return Ending("back", f"{says}, with {known.n} of {declared.min_requests} answers")
    is_won = found.high < 0 if not asked.margin else found.high <= asked.margin
    if not is_won:
        return Ending("back", f"{says}, so it is not {wanted}")
    if waits := open_still(known, besides=PARITY):
        return Ending("back", f"{says}, so it is {wanted}, but {'; '.join(waits)}")
    if waits := open_still(known):
        until = f"waits for that until the time limit of {declared.time_limit_hours:g} h"
        return Ending("told", f"{says}, so it is {wanted}; {until}: {'; '.join(waits)}")
    return Ending("on", f"{says}, so it is {wanted}")


def open_still(known: Known, besides: str = "") -> list[str]:
    """What is needed and has not passed, each in a sentence; not of the guardrail `besides`."""
    needed = [each for each in known.measured if each.is_needed and each.guardrail != besides]
    return [each.says for each in needed if each.outcome != "passed"]


def n_needed(release: Release, declared: Declared) -> int:
    """How many answers, or compared copies, the present phase needs."""
    in_shadow = release.state == "shadow" and declared.shadow is not None
    return declared.shadow.min_requests if in_shadow and declared.shadow else declared.min_requests


def _in_shadow(declared: Declared, is_over: IsOver = when_passed) -> list[Phase]:
    shadow = declared.shadow
    return [Phase("shadow", is_over, shadow=shadow.share)] if shadow else []


def _canary(declared: Declared) -> list[Phase]:
    steps = [Phase("canary", when_passed, weight=each) for each in declared.steps]
    return [*_in_shadow(declared), *steps]


def _shadow(declared: Declared) -> list[Phase]:
    return _in_shadow(declared, when_passed if declared.then == "promote" else when_told)


def _ab(declared: Declared) -> list[Phase]:
    assert declared.ab is not None
    split = Phase("canary", when_its_time_is_over, weight=declared.ab.weight)
    return [*_in_shadow(declared), split]


def _interleave(declared: Declared) -> list[Phase]:
    assert declared.interleave is not None
    drafted = Phase("canary", when_passed, weight=declared.interleave.share)
    return [*_in_shadow(declared), drafted]


def _blue_green(_: Declared) -> list[Phase]:
    return []


KINDS: dict[KindName, Callable[[Declared], Sequence[Phase]]] = {
    "canary": _canary,
    "shadow": _shadow,
    "ab": _ab,
    "interleave": _interleave,
    "blue_green": _blue_green,
}
"""The phases of each kind, in order; after the last comes the promotion."""


def phase_of(release: Release, declared: Declared) -> Phase | None:
    """The phase that a release is in; None before the first and when it is declared no more."""
    same = [each for each in KINDS[declared.kind](declared) if each.state == release.state]
    return same[release.step] if release.step < len(same) else None


def phase_after(release: Release, declared: Declared) -> tuple[Phase, int] | None:
    """The phase that comes next, with its step among those of its state; None: promotion."""
    ahead = list(KINDS[declared.kind](declared))
    if release.state != "pending":
        now = phase_of(release, declared)
        ahead = ahead[ahead.index(now) + 1 :] if now is not None else []
    if not ahead:
        return None
    step = release.step + 1 if release.state == ahead[0].state else 0
    return ahead[0], step


def is_next_promoted(release: Release, declared: Declared) -> bool:
    """Whether nothing but the promotion comes after the phase that a release is in."""
    return phase_after(release, declared) is None
