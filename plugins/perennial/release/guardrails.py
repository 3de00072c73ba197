"""What guards a release: each declared bound, measured, with a verdict and a sentence.

A guardrail fails when the new version is surely beyond it, passes when it is surely within, and is
inconclusive in between. "Surely" holds over all looks of the whole release (`measure.sequential`):
the declared error is shared between its phases and its guardrails.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from perennial.measure.quantiles import quantile_difference, quantile_ratio
from perennial.measure.sequential import (
    UNKNOWN,
    Bounds,
    mean_bounds,
    mean_difference,
    share_bounds,
    share_difference,
)
from perennial.release.measurement import (
    Measurement,
    Outcome,
    Setting,
    in_units,
    measured,
    number,
    undeclared,
)
from perennial.release.memory import Memory, memory
from perennial.release.preference import preference
from perennial.release.scores import disagreement, distribution, rank_correlation
from perennial.release.seen import Phase
from perennial.release.slices import slices

__all__ = ["Measurement", "Outcome", "Setting", "measure", "rank_correlation"]


def measure(
    phases: Sequence[Phase],
    setting: Setting,
    cuts: Sequence[float] = (),
    memories: Memory | None = None,
) -> list[Measurement]:
    """Every guardrail in the newest phase; labels of earlier phases still count when they come."""
    limits = setting.declared.guardrails
    now = phases[-1]
    looks = {"errors": errors, "score_shift": score_shift, "loss": loss}
    return [
        errors(phases, setting),
        _latency(now, setting),
        score_shift(phases, setting),
        distribution(now, limits.score_distribution, setting, len(cuts)),
        disagreement(now.pairs, limits.disagreement, setting),
        loss(phases, setting),
        memory(memories or Memory(), limits.memory_mb, setting),
        slices(phases, setting, looks),
        *preference(phases, setting),
    ]


def errors(phases: Sequence[Phase], setting: Setting) -> Measurement:
    """The share of requests that failed, new version minus old."""
    now, limit = phases[-1], setting.declared.guardrails.errors
    if limit is None:
        return undeclared("errors")
    old, new = (now.old.n_failed, now.old.n), (now.new.n_failed, now.new.n)
    says = (
        f"{new[0]:.6g} of {new[1]} requests failed, {old[0]:.6g} of {old[1]} with the old version"
    )
    if old[1]:
        bounds = share_difference(old, new, setting.confidence)
    else:
        bounds = share_bounds(*new, setting.confidence)
        says += "; with nothing to compare it is held against the limit itself"
    return measured("errors", bounds, (-math.inf, limit), new[1], says)


def _latency(now: Phase, setting: Setting) -> Measurement:
    limit = setting.declared.guardrails.latency
    if limit is None:
        return undeclared("latency")
    old, new = now.old.latency_ms, now.new.latency_ms
    if limit.extra_ms is not None:
        highest = limit.extra_ms
        bounds = quantile_difference(old, new, limit.quantile, setting.confidence)
        differs = f"by {number(bounds.estimate)} ms"
    else:
        highest = (limit.ratio or 1.0) - 1
        relative = quantile_ratio(old, new, limit.quantile, setting.confidence)
        bounds = Bounds(relative.estimate - 1, relative.low - 1, relative.high - 1)
        differs = f"by {number(bounds.estimate)} times the old version's"
    says = f"the {limit.quantile:g} quantile of {new.n} answers' time is longer {differs}"
    if not (old.n and new.n):
        says = "no answers of both versions yet"
    return measured("latency", bounds, (-math.inf, highest), new.n, says)


def score_shift(phases: Sequence[Phase], setting: Setting) -> Measurement:
    """The difference of the mean scores, on the same questions where both were asked them."""
    now, limit = phases[-1], setting.declared.guardrails.score_shift
    if limit is None:
        return undeclared("score_shift")
    unit = 1.0 if setting.is_probability else now.old.spread.deviation
    if not unit > 0:
        why = "the old version's scores do not vary, so a shift has no unit"
        return measured("score_shift", UNKNOWN, (-limit, limit), now.new.scores.n, why)
    if not setting.is_paired:
        n, of = now.new.scores.n, "answered requests"
        bounds = mean_difference(
            in_units(now.old.scores, unit),
            in_units(now.new.scores, unit),
            setting.confidence,
            setting.planned,
        )
    else:
        n, of = now.pairs.shift.n, "requests that both answered"
        shift = in_units(now.pairs.shift, unit)
        bounds = mean_bounds(shift, setting.confidence, setting.planned)
    in_unit = "" if setting.is_probability else " standard deviations of the old version's scores"
    says = f"the mean score of {n} {of} moved by {number(bounds.estimate)}{in_unit}"
    return measured("score_shift", bounds, (-limit, limit), n, says)


def loss(phases: Sequence[Phase], setting: Setting) -> Measurement:
    """The phase that fails, else the one that knows the most."""
    limit = setting.declared.guardrails.loss
    if limit is None:
        return undeclared("loss")
    found = [_loss_of(phase, limit, setting) for phase in phases]
    failed = [each for each in found if each.outcome == "failed"]
    return failed[0] if failed else max(reversed(found), key=lambda each: each.n)


def _loss_of(phase: Phase, limit: float, setting: Setting) -> Measurement:
    is_paired = phase.pairs.losses.n >= min(phase.old.losses.n, phase.new.losses.n)
    n = phase.pairs.losses.n if is_paired else phase.new.losses.n
    n_min = setting.declared.min_labels
    unit = 1.0 if setting.is_probability else phase.old.spread.deviation
    if not n or not unit > 0:
        why = "no labels are known yet that tell both versions apart"
        bounds = UNKNOWN
    else:
        bounds = _loss_bounds(phase, unit, is_paired, setting)
        what = "Brier score" if setting.is_probability else "mean absolute error"
        in_unit = "" if setting.is_probability else " standard deviations"
        of = "labels that both answered" if is_paired else "labels"
        why = f"the {what} with {n} {of} differs by {number(bounds.estimate)}{in_unit}"
    if not n_min:
        why += "; no step waits for labels (min_labels is 0)"
    elif n < n_min:
        why += f"; {n_min} labels are needed"
    found = measured("loss", bounds, (-math.inf, limit), n, why, is_needed=n_min > 0)
    if found.outcome == "passed" and n < n_min:
        return Measurement(**{**asdict(found), "outcome": "inconclusive"})
    return found


def _loss_bounds(phase: Phase, unit: float, is_paired: bool, setting: Setting) -> Bounds:
    confidence, planned = setting.confidence, max(setting.declared.min_labels, setting.planned)
    if is_paired:
        return mean_bounds(in_units(phase.pairs.losses, unit), confidence, planned)
    old, new = in_units(phase.old.losses, unit), in_units(phase.new.losses, unit)
    return mean_difference(old, new, confidence, planned)
