"""Which decisions are open on a night, and why the others are not."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

from perennial.decide.decided import Considered
from perennial.decide.facts import Facts
from perennial.declare.decide import TRAININGS, Decision


def considered(facts: Facts) -> tuple[Considered, ...]:
    """Every decision there is, in the order in which they are declared."""
    return tuple(_consider(facts, each) for each in get_args(Decision))


def _consider(facts: Facts, decision: Decision) -> Considered:
    if decision in TRAININGS:
        reasons = [*_no_champion(facts, decision), *_not_now(facts)]
        why = f"would learn from days before {facts.train_until}"
    elif decision == "roll_back":
        reasons, why = _not_warm(facts), "the version before is still warm"
    else:
        reasons, why = [], "always possible"
    return Considered(decision=decision, is_open=not reasons, why="; ".join(reasons) or why)


def _no_champion(facts: Facts, decision: Decision) -> list[str]:
    if facts.serves is None:
        return [] if decision == "retrain" else ["nothing serves that could go on learning"]
    if facts.learned_until is None:
        return []
    # A recalibration tells its line by one new day and tries it on another.
    least = 2 if decision == "recalibrate" else 1
    if (facts.train_until - facts.learned_until).days >= least:
        return []
    return [
        f"what serves has learned until {facts.learned_until}, and a training on this night may "
        f"learn until {facts.train_until} only (judge.held_back_days): {decision} takes at least "
        f"{least} new day{'s' if least > 1 else ''}"
    ]


def _not_now(facts: Facts) -> list[str]:
    """Why no training of any kind may begin on this night."""
    declared, reasons = facts.declared, []
    if facts.release is not None:
        told = "is promoted and still armed" if facts.is_armed else f"is {facts.release.state}"
        reasons.append(f"release {facts.release.id} of {facts.release.version} {told}")
    if facts.trainings:
        until = facts.trainings[0] + timedelta(days=declared.cool_down_nights)
        if facts.night <= until:
            reasons.append(
                f"the last training was decided on {facts.trainings[0]}, cool-down lasts until "
                f"{until} (decide.cool_down_nights {declared.cool_down_nights})"
            )
    budget = declared.budget
    since = facts.night - timedelta(days=budget.nights)
    n = sum(1 for each in facts.trainings if each > since)
    if n >= budget.trainings:
        reasons.append(
            f"{n} trainings within {budget.nights} nights use up decide.budget of "
            f"{budget.trainings}"
        )
    return reasons


def _not_warm(facts: Facts) -> list[str]:
    if facts.release is None:
        return ["no release is armed, so there is no warm version to go back to"]
    if not facts.is_armed:
        return [f"release {facts.release.id} is {facts.release.state}: its own guardrails decide"]
    return []
