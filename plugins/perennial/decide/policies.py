"""The policies: what each calls for on a night, before it is asked whether that is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from perennial.decide.decided import Situation
from perennial.decide.facts import Facts
from perennial.decide.situation import has_drifted, is_worse
from perennial.declare.decide import TRAININGS, Decision
from perennial.declare.decide import Policy as PolicyName


@dataclass(frozen=True)
class Wish:
    """What a policy calls for, and why."""

    decision: Decision
    why: str


Policy = Callable[[Facts], Wish]


def watched(facts: Facts) -> Wish:
    """By what watch found, as `decide.on_…` declares.

    A level that is off is looked past where `decide.on_miscalibrated` is to stand by. With
    `decide.training_cost`, worse and drifted call for a training only once the regret since the
    last one has reached it.
    """
    declared, situation = facts.declared, _situation(facts)
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
    decision, where = called[situation]
    if situation in ("worse", "drifted") and decision in TRAININGS:
        short = declared.training_cost - facts.regret
        if short > 0:
            return Wish(
                "stand_by",
                f"{_WORDS[situation]}, but the regret since the last training is "
                f"{facts.regret:.4g}, less than decide.training_cost {declared.training_cost:g}",
            )
    return Wish(decision, f"{_WORDS[situation]} ({where})")


def drift(facts: Facts) -> Wish:
    """By drift of inputs, answers or labels alone; how good the answers are is not looked at."""
    if facts.situation == "outdated" or not has_drifted(facts.watched):
        return Wish("stand_by", "no drift alarms, and nothing else is looked at")
    return Wish(facts.declared.on_drift, f"{_WORDS['drifted']} (decide.on_drift)")


def performance(facts: Facts) -> Wish:
    """By the realised performance alone; what drifted is not looked at."""
    if facts.situation == "outdated" or not is_worse(facts.watched):
        return Wish("stand_by", "the performance is not worse, and nothing else is looked at")
    return Wish(facts.declared.on_worse, f"{_WORDS['worse']} (decide.on_worse)")


def calendar(facts: Facts) -> Wish:
    """A training every `decide.every_nights` nights since the last, that of what serves too."""
    last, every = _last(facts), facts.declared.every_nights
    due = last + timedelta(days=every) if last else facts.night
    if facts.night < due:
        return Wish("stand_by", f"the calendar trains every {every} nights, next on {due}")
    told = f"the last one was on {last}" if last else "there was none yet"
    return Wish(facts.declared.calendar, f"the calendar trains every {every} nights and {told}")


def listed(facts: Facts) -> Wish:
    """A training on the nights of `decide.nights`."""
    if facts.night not in facts.declared.nights:
        return Wish("stand_by", "this night is not among decide.nights")
    return Wish(facts.declared.calendar, "this night is among decide.nights")


def at_the_latest(policy: Policy) -> Policy:
    """The policy, with a training once the last one lies `decide.at_least_every_nights` back.

    Recalibrations do not count: they make nothing of what is new.
    """

    def wished(facts: Facts) -> Wish:
        wish, most = policy(facts), facts.declared.at_least_every_nights
        last = _last_learning(facts)
        if wish.decision != "stand_by" or most is None or last is None:
            return wish
        if facts.night < last + timedelta(days=most):
            return wish
        why = f"the last training was on {last} (decide.at_least_every_nights {most})"
        return Wish(facts.declared.calendar, f"{why}; {wish.why}")

    return wished


def never(facts: Facts) -> Wish:
    """Nothing, whatever was found."""
    return Wish("stand_by", "the policy never does anything (decide.policy)")


POLICIES: dict[PolicyName, Policy] = {
    "watched": at_the_latest(watched),
    "drift": at_the_latest(drift),
    "performance": at_the_latest(performance),
    "calendar": calendar,
    "listed": listed,
    "never": never,
}

_WORDS: dict[Situation, str] = {
    "broken": "data are missing or broken",
    "worse": "the realised performance got worse",
    "miscalibrated": "the level of the answers is off while the ranking holds",
    "drifted": "inputs, answers or labels have drifted",
    "unknown": "there is too little to tell",
    "quiet": "nothing is alarming",
    "outdated": "the report is not about what serves now",
}


def _situation(facts: Facts) -> Situation:
    """The night's, or what there is beside a level that is no reason to do anything."""
    if facts.situation != "miscalibrated" or facts.declared.on_miscalibrated != "stand_by":
        return facts.situation
    if is_worse(facts.watched):
        return "worse"
    return "drifted" if has_drifted(facts.watched) else "miscalibrated"


def _last(facts: Facts) -> date | None:
    nights = [*facts.trainings[:1], *([facts.trained_at] if facts.trained_at else [])]
    return max((each for each in nights if each < facts.night), default=None)


def _last_learning(facts: Facts) -> date | None:
    """The last training but recalibrations; where none is known, it is older than any of these."""
    recalibrated = set(facts.trainings) - set(facts.learnings)
    serves = {facts.trained_at} - recalibrated if facts.trained_at else set()
    nights = {each for each in {*facts.learnings, *serves} if each is not None}
    known = [each for each in nights if each < facts.night]
    return max(known) if known else min(facts.trainings, default=None)
