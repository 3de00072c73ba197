"""What guards a release: each declared bound, measured, with a verdict and a sentence.

A guardrail fails when the new version is surely beyond it, passes when it is surely within, and is
inconclusive in between. "Surely" holds over all looks of the whole release (`measure.sequential`):
the declared error is shared between its phases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from perennial.declare.release import Release as Declared
from perennial.measure.sequential import (
    UNKNOWN,
    Bounds,
    Moments,
    correlation_bounds,
    mean_bounds,
    mean_difference,
    share_bounds,
    share_difference,
)
from perennial.release.evidence import Pairs, Phase

Outcome = Literal["passed", "failed", "inconclusive", "undeclared"]


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

    def shown(self) -> dict[str, Any]:
        """As JSON for the release's record."""
        return asdict(self)


@dataclass(frozen=True)
class Setting:
    """What the measurements of one phase are made with."""

    declared: Declared
    state: str
    is_probability: bool

    @property
    def confidence(self) -> float:
        """Of one phase, so that all of them together keep what is declared."""
        n_phases = (self.declared.shadow is not None) + len(self.declared.steps) + 1
        return 1 - (1 - self.declared.confidence) / n_phases

    @property
    def planned(self) -> int:
        """After how many answers the bounds should be sharpest."""
        shadow = self.declared.shadow
        if self.state == "shadow" and shadow is not None:
            return shadow.min_requests
        return self.declared.min_requests


def measure(phases: Sequence[Phase], setting: Setting) -> list[Measurement]:
    """Every guardrail in the newest phase; labels of earlier phases still count when they come."""
    limits = setting.declared.guardrails
    now = phases[-1]
    return [
        _errors(now, limits.errors, setting),
        _slow(now, limits.slow, setting),
        _score_shift(now, limits.score_shift, setting),
        _disagreement(now.pairs, limits.disagreement, setting),
        _loss(phases, limits.loss, setting),
    ]


def _errors(now: Phase, limit: float | None, setting: Setting) -> Measurement:
    if limit is None:
        return _undeclared("errors")
    old, new = (now.old.n_failed, now.old.n), (now.new.n_failed, now.new.n)
    says = f"{new[0]} of {new[1]} questions failed, {old[0]} of {old[1]} with the old version"
    return _share("errors", old, new, limit, says, setting)


def _slow(now: Phase, limit: float | None, setting: Setting) -> Measurement:
    if limit is None:
        return _undeclared("slow")
    old, new = (now.old.n_slow, now.old.n_answered), (now.new.n_slow, now.new.n_answered)
    says = (
        f"{new[0]} of {new[1]} answers took longer than "
        f"{setting.declared.guardrails.slow_ms:g} ms, {old[0]} of {old[1]} of the old version"
    )
    return _share("slow", old, new, limit, says, setting)


def _share(
    name: str,
    old: tuple[int, int],
    new: tuple[int, int],
    limit: float,
    says: str,
    setting: Setting,
) -> Measurement:
    if old[1]:
        bounds = share_difference(old, new, setting.confidence)
    else:
        bounds = share_bounds(*new, setting.confidence)
        says += "; with nothing to compare it is held against the limit itself"
    return _measured(name, bounds, (-math.inf, limit), new[1], says)


def _score_shift(now: Phase, limit: float | None, setting: Setting) -> Measurement:
    if limit is None:
        return _undeclared("score_shift")
    unit = 1.0 if setting.is_probability else now.old.scores.deviation
    if not unit > 0:
        why = "the old version's scores do not vary, so a shift has no unit"
        return _measured("score_shift", UNKNOWN, (-limit, limit), now.new.scores.n, why)
    if setting.state == "canary":
        n, of = now.new.scores.n, "answers"
        bounds = mean_difference(
            _in_units(now.old.scores, unit),
            _in_units(now.new.scores, unit),
            setting.confidence,
            setting.planned,
        )
    else:
        n, of = now.pairs.shift.n, "questions that both answered"
        shift = _in_units(now.pairs.shift, unit)
        bounds = mean_bounds(shift, setting.confidence, setting.planned)
    in_unit = "" if setting.is_probability else " standard deviations of the old version's scores"
    says = f"the mean score of {n} {of} moved by {_number(bounds.estimate)}{in_unit}"
    return _measured("score_shift", bounds, (-limit, limit), n, says)


def _disagreement(pairs: Pairs, limit: float | None, setting: Setting) -> Measurement:
    if limit is None:
        return _undeclared("disagreement")
    if setting.state == "canary":
        why = "not measured while both versions answer different questions"
        return _measured("disagreement", UNKNOWN, (-math.inf, limit), 0, why, is_needed=False)
    n = len(pairs.old)
    correlation = rank_correlation(pairs.old, pairs.new)
    if correlation is None:
        why = f"the old version's scores of {n} questions do not differ, so there are no ranks"
        return _measured("disagreement", UNKNOWN, (-math.inf, limit), n, why)
    found = correlation_bounds(correlation, n, setting.confidence, setting.planned)
    bounds = Bounds(1 - found.estimate, 1 - found.high, 1 - found.low)
    says = f"the ranks of {n} questions' scores correlate by {_number(correlation)}"
    return _measured("disagreement", bounds, (-math.inf, limit), n, says)


def _loss(phases: Sequence[Phase], limit: float | None, setting: Setting) -> Measurement:
    """The phase that fails, else the one that knows the most."""
    if limit is None:
        return _undeclared("loss")
    found = [_loss_of(phase, limit, setting) for phase in phases]
    failed = [each for each in found if each.outcome == "failed"]
    return failed[0] if failed else max(reversed(found), key=lambda each: each.n)


def _loss_of(phase: Phase, limit: float, setting: Setting) -> Measurement:
    is_paired = phase.pairs.losses.n >= min(phase.old.losses.n, phase.new.losses.n)
    n = phase.pairs.losses.n if is_paired else phase.new.losses.n
    n_min = setting.declared.min_labels
    unit = 1.0 if setting.is_probability else phase.old.scores.deviation
    if not n or not unit > 0:
        why = "no labels are known yet that tell both versions apart"
        bounds = UNKNOWN
    else:
        bounds = _loss_bounds(phase, unit, is_paired, setting)
        what = "Brier score" if setting.is_probability else "mean absolute error"
        in_unit = "" if setting.is_probability else " standard deviations"
        of = "labels that both answered" if is_paired else "labels"
        why = f"the {what} with {n} {of} differs by {_number(bounds.estimate)}{in_unit}"
    if not n_min:
        why += "; no step waits for labels (min_labels is 0)"
    elif n < n_min:
        why += f"; {n_min} labels are needed"
    found = _measured("loss", bounds, (-math.inf, limit), n, why, is_needed=n_min > 0)
    if found.outcome == "passed" and n < n_min:
        return Measurement(**{**asdict(found), "outcome": "inconclusive"})
    return found


def _loss_bounds(phase: Phase, unit: float, is_paired: bool, setting: Setting) -> Bounds:
    confidence, planned = setting.confidence, max(setting.declared.min_labels, setting.planned)
    if is_paired:
        return mean_bounds(_in_units(phase.pairs.losses, unit), confidence, planned)
    old, new = _in_units(phase.old.losses, unit), _in_units(phase.new.losses, unit)
    return mean_difference(old, new, confidence, planned)


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, from -1 to 1; ties share their mean rank.

    None when the first are all equal, or there are fewer than two: there is nothing to agree with.
    0 when only the second are all equal: whatever the first says, they say nothing.

    >>> rank_correlation([0.1, 0.2, 0.3], [0.2, 0.4, 0.9])
    1.0
    >>> rank_correlation([0.1, 0.2, 0.3], [0.5, 0.5, 0.5])
    0.0
    """
    import numpy as np

    if len(first) < 2 or min(first) == max(first):
        return None
    if min(second) == max(second):
        return 0.0
    one, other = _ranks(np.asarray(first)), _ranks(np.asarray(second))
    return float(max(-1.0, min(1.0, np.corrcoef(one, other)[0, 1])))


def _ranks(values: Any) -> Any:
    import numpy as np

    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[place]


def _measured(
    name: str,
    bounds: Bounds,
    allowed: tuple[float, float],
    n: int,
    says: str,
    is_needed: bool = True,
) -> Measurement:
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
        says=f"{name}: {says}; {verdict} ({_number(bounds.low)} to {_number(bounds.high)})",
    )


def _undeclared(name: str) -> Measurement:
    says = f"{name}: not declared, so nothing guards it"
    return Measurement(name, "undeclared", None, None, None, None, 0, False, says)


def _in_units(values: Moments, unit: float) -> Moments:
    return Moments(values.n, values.mean / unit, values.squares / unit**2)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "unknown"
