"""The champion's weights go on moving on new days, and nothing holds them back."""

from __future__ import annotations

from pathlib import Path

from perennial.declare.train import Train
from perennial.learn.contract import Evidence, Fitted, OnRound, Start
from perennial.learn.network.strategies.onward import Onward


def finetune(
    start: Start,
    evidence: Evidence,
    declared: Train,
    on_round: OnRound,
    later: Evidence | None = None,
    n_rounds: int | None = None,
    checkpoint: Path | None = None,
) -> Fitted:
    """All weights learn, by the update's own rate and epochs."""
    onward = Onward(start.learner, evidence, declared)
    learned = onward.learn(on_round, later, n_rounds, checkpoint)
    return onward.fitted(learned, later)
