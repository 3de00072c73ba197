"""Which policies are asked for: their names, read strictly, and what each declares."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from perennial.declare.decide import Budget, Decide
from perennial.declare.model import Model
from perennial.declare.reading import nearest
from perennial.declare.strategies import MEANING, refusal

FORMS = {
    "shipped": "as the model declares it",
    "never": "no training after the first",
    "calendar:K": "a training every K nights",
    "calendar:POLICY": "so seldom that there are as many trainings as of that other policy",
    "random:N": "N trainings on random nights, the first one included",
    "random:POLICY": "as many trainings as of that other policy, on random nights",
    "watched": "by all that watch finds",
    "drift": "by drift alone",
    "performance": "by the realised performance alone",
}
"""Every form of a policy, and what it means. Each takes `/STRATEGY` or `/window:DAYS` after it."""

TRIGGERED = ("watched", "drift", "performance")


@dataclass(frozen=True)
class Asked:
    """One policy as it was asked for."""

    name: str
    """The whole text, as it was written."""
    kind: str
    """The word before the colon."""
    number: int | None = None
    """What follows the colon, if it is a number."""
    like: str | None = None
    """What follows the colon, if it is the name of another policy."""
    strategy: str = ""
    """How to train; empty: as the decision says."""
    window_days: str = ""


def read_policies(text: str, model: Model) -> list[Asked]:
    """The policies of a text like `never, calendar:30/full, random:shipped`.

    ValueError with every mistake at once, each with what would be accepted.
    """
    names = [each.strip() for each in text.split(",")]
    found, mistakes = [], []
    for name in names:
        try:
            found.append(_read(name, model))
        except ValueError as error:
            mistakes.append(str(error))
    mistakes += [f"{each!r} is asked for twice" for each in sorted(set(names))
                 if names.count(each) > 1]  # fmt: skip
    known = {each.name for each in found if each.like is None}
    mistakes += [
        f"{each.name!r} takes its number of trainings from {each.like!r}, which must be among the "
        f"policies{nearest(str(each.like), known)} and have its own number"
        for each in found
        if each.like is not None and each.like not in known
    ]
    if mistakes:
        raise ValueError("policies: " + "; ".join(mistakes))
    return found


def _read(name: str, model: Model) -> Asked:
    policy, _, how = name.partition("/")
    kind, colon, rest = policy.partition(":")
    strategy, window_days = _strategy(name, how, model) if "/" in name else ("", "")
    if kind in ("calendar", "random"):
        if not rest:
            raise ValueError(_mistake(name, f"{kind} needs a number or a policy after a colon"))
        if not re.fullmatch(r"-?\d+", rest):
            return Asked(name, kind, None, rest, strategy, window_days)
        if int(rest) < 1:
            raise ValueError(_mistake(name, f"{kind} needs a whole number from 1, got {rest}"))
        return Asked(name, kind, int(rest), None, strategy, window_days)
    if kind not in (*TRIGGERED, "never", "shipped"):
        words = [each.partition(":")[0] for each in FORMS]
        raise ValueError(_mistake(name, f"there is no policy {kind!r}{nearest(kind, words)}"))
    if colon:
        raise ValueError(_mistake(name, f"{kind} takes nothing after a colon"))
    return Asked(name, kind, None, None, strategy, window_days)


def _strategy(name: str, how: str, model: Model) -> tuple[str, str]:
    strategy, colon, days = how.partition(":")
    if strategy not in MEANING:
        told = f"there is no strategy {strategy!r}{nearest(strategy, MEANING)}"
        raise ValueError(f"{name!r}: {told} (there are {', '.join(MEANING)})")
    if refused := refusal(model.train.learner, strategy):
        raise ValueError(f"{name!r}: {refused}")
    if colon and strategy != "window":
        raise ValueError(f"{name!r}: only window takes a number of days, as in /window:60")
    if colon and (not days.isdecimal() or int(days) < 1):
        raise ValueError(f"{name!r}: window needs a whole number of days from 1, got {days!r}")
    return strategy, days


def _mistake(name: str, what: str) -> str:
    return f"{name!r}: {what} (accepted: {', '.join(FORMS)}, each with /STRATEGY after it)"


def decide_of(asked: Asked, declared: Decide, nights: Sequence[date], drawn: Drawn) -> Decide:
    """What the model would declare for a policy.

    Calendars and lists train when they say so: cool-down and budget are lifted for them. What
    trains by its findings alone has no latest night.
    """
    changed: dict[str, object] = {"nights": (), "approve": ()}
    free = {"cool_down_nights": 0, "budget": Budget(trainings=len(nights), nights=len(nights))}
    if asked.kind == "shipped":
        changed = {"approve": ()}
    elif asked.kind == "calendar":
        every = asked.number or max(1, round(len(nights) / drawn.n_trainings))
        changed |= {"policy": "calendar", "every_nights": every, "calendar": "retrain", **free}
    elif asked.kind == "random":
        listed = drawn.nights(nights)
        changed |= {"policy": "listed" if listed else "never", "nights": listed,
                    "calendar": "retrain", **free}  # fmt: skip
    else:
        changed |= {"policy": asked.kind, "at_least_every_nights": None}
    return Decide.model_validate({**declared.model_dump(), **changed})


@dataclass(frozen=True)
class Drawn:
    """How many trainings there are to be, the first one included, and by which seed."""

    n_trainings: int
    seed: int = 0

    def nights(self, nights: Sequence[date]) -> tuple[date, ...]:
        """Nights after the first, drawn without replacement, in order."""
        n = min(self.n_trainings - 1, len(nights) - 1)
        places = np.random.default_rng(self.seed).choice(len(nights) - 1, n, replace=False)
        return tuple(nights[1 + place] for place in sorted(places.tolist()))
