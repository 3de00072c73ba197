"""The candidate beside every opponent, over the same rows and the same resamples of days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perennial.declare.model import Model
from perennial.judge.judged import Beside, Opponent, Value
from perennial.learn.contract import FloatArray
from perennial.measure.intervals import bootstrap_intervals
from perennial.measure.metrics import METRICS
from perennial.measure.weighting import Statistic
from perennial.train.labelled_rows import LabelledRows


@dataclass(frozen=True)
class Compared:
    """The candidate's metrics, and each opponent with the paired differences to it."""

    metrics: dict[str, Value]
    opponents: dict[str, Opponent]


def compare_all(
    model: Model,
    judged: LabelledRows,
    scores: FloatArray,
    opponents: Mapping[str, FloatArray],
    champion: str | None,
) -> Compared:
    """Compare the candidate's scores (n,) with those of each opponent (n,), all metrics at once.

    Every statistic is taken once of each resample, however many differences it is part of.
    """
    own = _statistics(model, judged, scores)
    theirs = {name: _statistics(model, judged, each) for name, each in opponents.items()}
    wanted: dict[tuple[str, ...], Statistic] = {("", name): own[name] for name in own}
    for opponent, statistics in theirs.items():
        for name, statistic in statistics.items():
            wanted[opponent, name] = statistic
            wanted[opponent, name, "difference"] = _difference(own[name], statistic)
    declared = model.judge
    found = bootstrap_intervals(
        # The keys are only ever looked up again, so any text that tells them apart will do.
        {"\0".join(key): statistic for key, statistic in wanted.items()},
        judged.n_rows,
        seed=model.train.seed,
        groups=judged.days,
        n_resamples=declared.resamples,
        confidence=declared.confidence,
    )
    values = {key: Value.of(found["\0".join(key)]) for key in wanted}
    return Compared(
        metrics={name: values["", name] for name in own},
        opponents={
            opponent: Opponent(
                name=opponent,
                kind="champion" if opponent == champion else "baseline",
                metrics={
                    name: Beside(
                        opponent=values[opponent, name],
                        difference=values[opponent, name, "difference"],
                    )
                    for name in own
                },
            )
            for opponent in opponents
        },
    )


def _statistics(model: Model, judged: LabelledRows, scores: FloatArray) -> dict[str, Statistic]:
    return {
        name: _once(METRICS[name].prepare(judged.labels, scores)) for name in model.judge.metrics
    }


def _difference(candidate: Statistic, opponent: Statistic) -> Statistic:
    return lambda weights: candidate(weights) - opponent(weights)


def _once(statistic: Statistic) -> Statistic:
    """The statistic, remembering its answer for the weights that it was asked about last."""
    asked: list[FloatArray] = []
    answered: list[FloatArray] = []

    def remembered(weights: FloatArray) -> FloatArray:
        if not asked or asked[0] is not weights:
            answered[:] = [statistic(weights)]
            asked[:] = [weights]
        return answered[0]

    return remembered
