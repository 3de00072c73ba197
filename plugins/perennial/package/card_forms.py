"""The model card's part about forms: those that were tried, what each costs, and the choice."""

from __future__ import annotations

from perennial.optimize.choosing import MEASURED_IN
from perennial.optimize.optimized import Costs, Form, Optimized, Times
from perennial.package.card_tables import estimate, interval, table

NONE = "–"


def forms(optimized: Optimized | None) -> list[str]:
    """Lines of Markdown; none when no variants were declared."""
    if optimized is None:
        return []
    return [
        "## In which form does it answer?",
        "",
        f"As `{optimized.chosen}`: {optimized.why.removeprefix(f'{optimized.chosen}: ')}.",
        "",
        *(_measured(optimized) if optimized.forms else []),
    ]


def _measured(optimized: Optimized) -> list[str]:
    primary = optimized.primary
    quality = (
        "form", "outcome", "saved", f"{primary} minus the original's", "interval",
        "furthest answer", "why",
    )  # fmt: skip
    costs = (
        "form", "KB on disk", "MB in memory", "one row, ms: p50", "p99", "256 rows, ms: p50", "p99",
        "rows per second",
    )  # fmt: skip
    return [
        _rule(optimized),
        "",
        f"Compared with the original (`{optimized.trained[:12]}`, as it was trained) on "
        f"{optimized.n_rows:,} rows of {optimized.n_days} days, {optimized.measured_from} <= day < "
        f"{optimized.measured_until}, paired by day. Memory is what loading adds to the "
        "predictor's process; times are whole answers there, one thread, no network.",
        "",
        *table(quality, [_quality(each, optimized) for each in optimized.forms]),
        "",
        *table(costs, [(_name(each, optimized), *_costs(each.costs)) for each in optimized.forms]),
        "",
    ]


def _rule(optimized: Optimized) -> str:
    declared = optimized.declared
    return (
        f"The rule: of the forms that lose no more than {declared.max_metric_drop:g} of "
        f"{optimized.primary} at the worst end of the interval (`optimize.max_metric_drop`), the "
        f"one that saves most of {MEASURED_IN[declared.saving]} (`optimize.saving: "
        f"{declared.saving}`), if that is {declared.min_saving:.0%} or more "
        "(`optimize.min_saving`); else the original."
    )


def _quality(form: Form, optimized: Optimized) -> tuple[str, ...]:
    difference = form.differences.get(optimized.primary)
    return (
        _name(form, optimized),
        form.outcome,
        NONE if form.saved is None else f"{form.saved:.1%}",
        NONE if difference is None else estimate(difference),
        NONE if difference is None else interval(difference),
        NONE if form.largest_difference is None else f"{form.largest_difference:.3g}",
        form.why,
    )


def _costs(costs: Costs | None) -> tuple[str, ...]:
    if costs is None:
        return (NONE,) * 7
    return (
        f"{costs.size_bytes / 1000:,.0f}",
        f"{costs.memory_mb:,.1f}",
        *_times(costs.one_row_ms),
        *_times(costs.batch_ms),
        f"{costs.rows_per_second:,.0f}",
    )


def _times(times: Times) -> tuple[str, str]:
    return f"{times.p50:.3g}", f"{times.p99:.3g}"


def _name(form: Form, optimized: Optimized) -> str:
    return f"**{form.name}**" if form.name == optimized.chosen else form.name
