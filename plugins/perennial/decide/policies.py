"""The policies: what each calls for on a night, before it is asked whether that is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from perennial.decide.decided import STRATEGIES, Situation
from perennial.decide.facts import Facts
from perennial.decide.situation import is_worse
from perennial.declare.decide import Decision


@dataclass(frozen=True)
class Wish:
    """What a policy calls for, and why."""

    decision: Decision
    why: str


def watched(facts: Facts) -> Wish:
    """By what watch found, as `decide.on_…` declares.

    With `decide.training_cost`, worse and drifted call for a training only once the regret since
    the last one has reached it.
    """
    declared = facts.declared
    if is_worse(facts.watched) and facts.is_armed and facts.situation != "outdated":
        why = f"{_WORDS['worse']} since {facts.serves} was released (decide.on_worse_after_release)"
        return Wish(declared.on_worse_after_release, why)
    called: dict[Situation, tuple[Decision, str]] = {
        "broken": (declared.on_broken_data, "decide.on_broken_data"),
        "worse": (declared.on_worse, "decide.on_worse"),
        "miscalibrated": (declared.on_miscalibrated, "decide.on_miscalibrated"),
        "drifted": (declared.on_drift, "decide.on_drift"),
        "unknown": (declared.on_unknown, "decide.on_unknown"),
        "quiet": ("stand_by", "nothing to do"),
        "outdated": ("stand_by", "the next night will tell"),
    }
    decision, where = called[facts.situation]
    if facts.situation in ("worse", "drifted") and decision in STRATEGIES:
        short = declared.training_cost - facts.regret
        if short > 0:
            return Wish(
                "stand_by",
                f"{_WORDS[facts.situation]}, but the regret since the last training is "
                f"{facts.regret:.4g}, less than decide.training_cost {declared.training_cost:g}",
            )
    return Wish(decision, f"{_WORDS[facts.situation]} ({where})")


def calendar(facts: Facts) -> Wish:
    """A training every `decide.every_nights` nights since the last, that of what serves too."""
    last, every = _last(facts), facts.declared.every_nights
    due = last + timedelta(days=every) if last else facts.night
    if facts.night < due:
        return Wish("stand_by", f"the calendar trains every {every} nights, next on {due}")
    told = f"the last one was on {last}" if last else "there was none yet"
    return Wish(facts.declared.calendar, f"the calendar trains every {every} nights and {told}")


def never(facts: Facts) -> Wish:
    """Nothing, whatever was found."""
    return Wish("stand_by", "the policy never does anything (decide.policy)")


POLICIES: dict[str, Callable[[Facts], Wish]] = {
    "watched": watched, "calendar": calendar, "never": never,
}  # fmt: skip

_WORDS: dict[Situation, str] = {
    "broken": "data are missing or broken",
    "worse": "the realised performance got worse",
    "miscalibrated": "the level of the answers is off while the ranking holds",
    "drifted": "inputs, answers or labels have drifted",
    "unknown": "there is too little to tell",
    "quiet": "nothing is alarming",
    "outdated": "the report is not about what serves now",
}


def _last(facts: Facts) -> date | None:
    nights = [*facts.trainings[:1], *([facts.trained_at] if facts.trained_at else [])]
    return max((each for each in nights if each < facts.night), default=None)
