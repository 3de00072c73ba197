"""The declared rule: the largest saving among the forms that are as good as the original."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perennial.declare.optimize import Optimize, Saving
from perennial.measure.metrics import METRICS
from perennial.optimize.optimized import ORIGINAL, Costs, Form
from perennial.train.estimates import Value

SPENT: dict[Saving, Callable[[Costs], float]] = {
    "latency": lambda costs: costs.one_row_ms.p50,
    "throughput": lambda costs: 1 / costs.rows_per_second,
    "size": lambda costs: float(costs.size_bytes),
    "memory": lambda costs: costs.memory_mb,
}
"""What a form spends of each thing that can be saved."""

MEASURED_IN: dict[Saving, str] = {
    "latency": "the median time for one row",
    "throughput": "the time per row at 256 rows",
    "size": "the bytes of the answering files",
    "memory": "the memory that loading adds",
}


def saved(original: Costs, other: Costs, by: Saving) -> float:
    """The share of the original's costs that another form saves; below 0 it costs more."""
    spent = SPENT[by](original)
    return 1 - SPENT[by](other) / spent if spent > 0 else 0.0


def drop_of(difference: Value, primary: str) -> float | None:
    """How much worse than the original it may be at the worst; None where that is not bounded.

    `difference` is the form minus the original.
    """
    if METRICS[primary].sign > 0:
        return None if difference.low is None else -difference.low
    return difference.high


def drop_refusal(difference: Value, primary: str, declared: Optimize) -> str:
    """Why a form loses too much of the primary metric; empty when it does not."""
    drop = drop_of(difference, primary)
    if drop is None:
        return f"how much {primary} it may lose cannot be bounded on these days"
    if drop > declared.max_metric_drop:
        return (
            f"it may lose {drop:.4g} of {primary}, more than max_metric_drop "
            f"{declared.max_metric_drop:g}"
        )
    return ""


def saving_refusal(share: float, declared: Optimize) -> str:
    """Why a form saves too little; empty when it saves enough."""
    if share >= declared.min_saving and share > 0:
        return ""
    return (
        f"it saves {share:.1%} of {MEASURED_IN[declared.saving]}, less than min_saving "
        f"{declared.min_saving:.0%}"
    )


def choose(forms: Sequence[Form], declared: Optimize) -> tuple[Form, str]:
    """The form that goes on, and why; the original, which is the first, when none qualifies."""
    qualified = [each for each in forms if each.outcome == "qualifies"]
    if not qualified:
        reasons = "; ".join(f"{each.name}: {each.why}" for each in forms[1:])
        return forms[0], f"no variant qualifies ({reasons}), so the {ORIGINAL} goes on"
    best = max(qualified, key=lambda each: each.saved or 0.0)  # of equal ones the first declared
    return best, f"{best.name}: {best.why}"
