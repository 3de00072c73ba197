"""Strategies that any family has: learn as it always does, with rows of the past beside the new."""

from __future__ import annotations

from pathlib import Path

from perennial.declare.train import Train
from perennial.learn import generative_replay, reservoir
from perennial.learn.contract import Evidence, Fitted, GoOn, OnRound, Start, Way


def rehearsal(go_on: GoOn) -> Way:
    """`go_on` over the new rows and real ones out of the reservoir."""

    def rehearsing(
        start: Start,
        evidence: Evidence,
        declared: Train,
        on_round: OnRound,
        later: Evidence | None = None,
        n_rounds: int | None = None,
        checkpoint: Path | None = None,
    ) -> Fitted:
        both = reservoir.with_past(evidence, declared, start.state)
        return go_on(start, both, declared, on_round, later, n_rounds, checkpoint)

    return Way(rehearsing, reservoir.remember)


def replay(go_on: GoOn) -> Way:
    """`go_on` over the new rows and such as a generator makes up."""

    def replaying(
        start: Start,
        evidence: Evidence,
        declared: Train,
        on_round: OnRound,
        later: Evidence | None = None,
        n_rounds: int | None = None,
        checkpoint: Path | None = None,
    ) -> Fitted:
        both = generative_replay.with_past(start, evidence, declared)
        return go_on(start, both, declared, on_round, later, n_rounds, checkpoint)

    return Way(replaying, generative_replay.remember)
