"""One guardrail, measured: its verdict, its numbers, and a sentence for the release's record."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from perennial.declare.release import Release as Declared
from perennial.measure.sequential import Bounds, Moments

Outcome = Literal["passed", "failed", "inconclusive", "undeclared"]

PARITY = "parity"
"""The guardrail that recomputes what answers were made from (`release.parity_gate`)."""


@dataclass(frozen=True)
class Measurement:
    """One guardrail, as it stands."""

    guardrail: str
    outcome: Outcome
    estimate: float | None
    low: float | None
    high: float | None
    limit: float | None
    n: int
    """Observations of the new version that it rests on."""
    is_needed: bool
    """Whether the next step waits for it to pass."""
    says: str
    values: tuple[float, ...] = ()
    """What it rests on where that is in no journal, so that the next controller goes on with it."""

    def shown(self) -> dict[str, Any]:
        """As JSON for the release's record."""
        return asdict(self)


@dataclass(frozen=True)
class Setting:
    """What the measurements of one phase are made with."""

    declared: Declared
    state: str
    is_probability: bool
    part: float = 1.0
    """The part of one guardrail's error that is spent: less where many groups share it."""

    @property
    def confidence(self) -> float:
        """Of one guardrail in one phase: all of them in all phases together keep the declared."""
        n_phases = self.declared.n_phases
        n_guardrails = len(self.declared.guardrails.declared)
        n_guardrails = max(1, n_guardrails + (self.declared.kind == "interleave"))
        return 1 - (1 - self.declared.confidence) * self.part / (n_phases * n_guardrails)

    @property
    def is_paired(self) -> bool:
        """Whether both versions are asked the same questions."""
        return self.state != "canary" or self.declared.kind == "interleave"

    @property
    def planned(self) -> int:
        """After how many answers the bounds should be sharpest."""
        shadow = self.declared.shadow
        if self.state == "shadow" and shadow is not None:
            return shadow.min_requests
        return self.declared.min_requests


def measured(
    name: str,
    bounds: Bounds,
    allowed: tuple[float, float],
    n: int,
    says: str,
    is_needed: bool = True,
) -> Measurement:
    """Failed when the bounds are surely outside what is allowed, passed when surely inside."""
    low, high = allowed
    outcome: Outcome = "inconclusive"
    if bounds.low > high or bounds.high < low:
        outcome = "failed"
    elif low <= bounds.low and bounds.high <= high:
        outcome = "passed"
    verdict = {
        "failed": f"surely beyond {high:g}",
        "passed": f"surely within {high:g}",
        "inconclusive": f"not yet sure to be within {high:g}, nor beyond",
    }[outcome]
    return Measurement(
        guardrail=name,
        outcome=outcome,
        estimate=_finite(bounds.estimate),
        low=_finite(bounds.low),
        high=_finite(bounds.high),
        limit=high,
        n=n,
        is_needed=is_needed,
        says=f"{name}: {says}; {verdict} ({number(bounds.low)} to {number(bounds.high)})",
    )


def undeclared(name: str) -> Measurement:
    """What the record says of a guardrail that is declared null."""
    says = f"{name}: not declared, so nothing guards it"
    return Measurement(name, "undeclared", None, None, None, None, 0, False, says)


def in_units(values: Moments, unit: float) -> Moments:
    """The same values in another unit."""
    return Moments(values.n, values.mean / unit, values.squares / unit**2)


def number(value: float) -> str:
    """For a sentence."""
    return f"{value:.3g}" if math.isfinite(value) else "unknown"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
