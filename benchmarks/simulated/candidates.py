"""The versions that are released: healthy ones, and those that are worse in one way each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy import optimize, stats

from perennial.measure.shapes import deciles

NOISE = 0.04
"""Standard deviation of a training's own scores about the truth."""
N_SAMPLE = 20_000

Score = Callable[[Any, str, np.random.Generator], Any]
"""What a version says of flights of this probability, one or many; None when it fails."""


def close(p: Any, carrier: str, random: np.random.Generator) -> Any:
    """Another training of the same: close, never the same."""
    return _probability(p + random.normal(0, NOISE, np.shape(p)))


@dataclass(frozen=True)
class Candidate:
    """A version, and what it does differently."""

    score: Score = close
    extra_ms: float = 0.0
    leak_mb: float = 0.0
    """In 1,000 requests."""


def truths(random: np.random.Generator, n: int | None = None) -> Any:
    """The probabilities with which flights are late: 40 % of them on average."""
    return random.beta(1.6, 2.4, n)


def failing(share: float, only: str = "") -> Score:
    """No answer for a share of the requests, or for those of one carrier."""

    def score(p: Any, carrier: str, random: np.random.Generator) -> Any:
        fails = carrier == only if only else random.random() < share
        return None if fails else close(p, carrier, random)

    return score


def shifted(by: float, only: str = "") -> Score:
    """All scores moved up, or those of one carrier."""

    def score(p: Any, carrier: str, random: np.random.Generator) -> Any:
        moved = by if only in ("", carrier) else 0.0
        return close(p + moved, carrier, random)

    return score


def noisy(by: float) -> Score:
    """Wrong by its own noise, about the same mean: its Brier score grows by the square."""
    return lambda p, _, random: _probability(p + by * random.choice((-1, 1), np.shape(p)))


def shrunk(by: float) -> Score:
    """All scores nearer to 0 by this share of themselves."""
    return lambda p, carrier, random: (1 - by) * close(p, carrier, random)


def mistaken(share: float) -> Score:
    """For this share of the flights it tells another one's score: as a whole they look fine."""

    def score(p: Any, carrier: str, random: np.random.Generator) -> Any:
        is_other = random.random(np.shape(p)) < share
        other = truths(random, np.size(p)).reshape(np.shape(p))
        return close(np.where(is_other, other, p), carrier, random)

    return score


def squeezed(p: Any, carrier: str, random: np.random.Generator) -> Any:
    """The same order and the same mean, of no use as a probability."""
    return 0.4 + (p - 0.4) / 10


def too_sure(p: Any, carrier: str, random: np.random.Generator) -> Any:
    """The same order, but the odds to the power of eight: almost always nearly 0 or 1."""
    odds = (p / (1 - p)) ** 8
    return odds / (1 + odds)


def candidates(limits: Mapping[str, float]) -> dict[str, Candidate]:
    """A healthy one, two that are at a limit, and those that are worse than is allowed."""
    return {
        "healthy": Candidate(),
        "errors at the limit": Candidate(failing(limits["errors"])),
        "shift at the limit": worse("score_shift", limits["score_shift"]),
        "errors, twice the limit": worse("errors", 2 * limits["errors"]),
        "latency, twice the limit": worse("latency", 2 * limits["latency"]),
        "shift, twice the limit": worse("score_shift", 2 * limits["score_shift"]),
        "loss, twice the limit": worse("loss", 2 * limits["loss"]),
        "leak, twice the limit": worse("memory_mb", 2 * limits["memory_mb"]),
        "too sure, ranks agree": Candidate(too_sure),
        "squeezed to a tenth": Candidate(squeezed),
        "constant": Candidate(lambda *_: 0.4),
        "inverted": Candidate(lambda p, *_: 1 - p),
        "5xx": Candidate(failing(1.0)),
        "slow by 1 s": Candidate(extra_ms=1000),
        "one carrier of 10 % fails": Candidate(failing(1.0, only="E")),
        "one carrier of 10 % shifted by 0.5": Candidate(shifted(0.5, only="E")),
    }


@cache
def worse(guardrail: str, by: float) -> Candidate:
    """A version that is worse than the champion by exactly so much, as this guardrail measures it.

    How strong it has to be for that is found on 20,000 seeded flights.
    """
    if guardrail == "errors":
        return Candidate(failing(by))
    if guardrail == "latency":
        return Candidate(extra_ms=by)
    if guardrail == "memory_mb":
        return Candidate(leak_mb=by)
    family, most = {
        "score_shift": (shifted, 1.0),
        "score_distribution": (shrunk, 1.0),
        "disagreement": (mistaken, 1.0),
        "loss": (noisy, 1.0),
    }[guardrail]
    missed = lambda strength: difference(guardrail, family(strength)) - by  # noqa: E731
    return Candidate(family(float(optimize.brentq(missed, 0, most, xtol=1e-4))))


def difference(guardrail: str, score: Score) -> float:
    """How much worse than the champion these scores are, measured on 20,000 seeded flights."""
    random = np.random.default_rng(3)
    p = truths(random, N_SAMPLE)
    old, new = close(p, "", random), score(p, "", random)
    if guardrail == "score_shift":
        return float(np.mean(new - old))
    if guardrail == "disagreement":
        return 1 - float(stats.spearmanr(old, new).statistic)
    if guardrail == "loss":
        return float(np.mean((new - p) ** 2 - (old - p) ** 2))
    cuts = np.array(deciles(old.tolist()))
    below = [np.mean(scores[:, None] < cuts, axis=0) for scores in (old, new)]
    return float(np.abs(below[1] - below[0]).max())


def _probability(score: Any) -> Any:
    return np.minimum(np.maximum(score, 0.0), 1.0)
