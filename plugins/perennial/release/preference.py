"""Which ranking callers prefer, by their clicks where both versions' were interleaved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from perennial.measure.interleaving import preference as preferred
from perennial.measure.sequential import Bounds
from perennial.release.measurement import Measurement, Setting, measured
from perennial.release.seen import Phase


def preference(phases: Sequence[Phase], setting: Setting) -> list[Measurement]:
    """How much more often the champion's ranking is preferred, from -1 (never) to 1 (always).

    Like all guardrails the worse the larger. It fails when it is surely above the declared margin,
    and passes when surely not, after `min_queries` with a click. Only kind `interleave` has it; a
    step waits for it, and after the promotion clicks that come late still count.
    """
    wanted = setting.declared.interleave
    if setting.declared.kind != "interleave" or wanted is None or setting.state == "shadow":
        return []
    credit = max((each.credit for each in reversed(phases)), key=lambda each: each.n)
    found = preferred(credit, setting.confidence)
    bounds = Bounds(-found.estimate, -found.high, -found.low)
    says = (
        f"of {credit.n} interleaved queries with a click {credit.n_new} preferred the new "
        f"version's ranking, {credit.n_old} the old one's, {credit.n_tied} neither"
    )
    is_short = credit.n < wanted.min_queries
    if is_short:
        says += f"; {wanted.min_queries} are needed"
    is_needed = setting.state == "canary"
    allowed = (-math.inf, wanted.margin)
    told = measured("preference", bounds, allowed, credit.n, says, is_needed)
    if is_short and told.outcome == "passed":
        told = replace(told, outcome="inconclusive")
    return [told]
