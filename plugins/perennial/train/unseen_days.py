"""The days before a night that a candidate has not learned from."""

from __future__ import annotations

from datetime import date, timedelta

from perennial.declare.model import Model
from perennial.errors import NotEnoughEvidenceError


def first_unseen(model: Model, window: tuple[date, date], end: date) -> date:
    """The first of the days to judge on: `judge.days` before `end`, none of them learned from."""
    start = max(end - timedelta(days=model.judge.days), window[1])
    if (end - start).days < model.judge.held_back_days:
        earliest = window[1] + timedelta(days=model.judge.held_back_days)
        raise NotEnoughEvidenceError(
            f"model {model.name}: the candidate learned from {window[0]} <= day < {window[1]}, "
            f"which leaves {max(0, (end - start).days)} days before {end} to judge it on, and "
            f"judge.held_back_days asks for {model.judge.held_back_days}: judge at {earliest} or "
            f"later, or train --until {end - timedelta(days=model.judge.held_back_days)}"
        )
    return start
