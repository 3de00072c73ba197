"""From distances to what the report says of each column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perennial.declare.watch import Watch
from perennial.judge.judged import finite
from perennial.watch.columns import Column
from perennial.watch.comparing import Distance, distances
from perennial.watch.persistence import Nights, state_of
from perennial.watch.shaping import shape_of
from perennial.watch.watched import ColumnState, Compared


def compare(
    columns: Sequence[Column], declared: Watch, out_before: Nights, n_days: int | None = None
) -> list[Compared]:
    """What the report says of the columns of one role."""
    found = distances(columns, n_days or declared.days, declared)
    return [_compared(each, declared, out_before) for each in found]


def _compared(found: Distance, declared: Watch, out_before: Nights) -> Compared:
    column, is_out = found.column, found.is_out(declared)
    n_nights = out_before[column.role, column.name] + is_out
    state = state_of(found.is_known, is_out, n_nights, declared.persistence)
    return Compared(
        name=column.name,
        role=column.role,
        kind="number" if column.is_number else "category",
        test="ks" if column.is_number else "chi_squared",
        state=state,
        n_reference=column.n_reference,
        n_current=column.n_current,
        missing_reference=column.missing_reference,
        missing_current=column.missing_current,
        effect=finite(found.effect),
        threshold=finite(found.threshold),
        p_value=finite(found.p_value),
        p_adjusted=finite(found.p_adjusted),
        psi=found.psi,
        jensen_shannon=found.jensen_shannon,
        wasserstein=found.wasserstein,
        weight=column.weight,
        n_nights=n_nights,
        shape=shape_of(column),
        sentence=_sentence(found, state, n_nights, declared),
    )


def _sentence(found: Distance, state: ColumnState, n_nights: int, declared: Watch) -> str:
    column = found.column
    if state == "unknown":
        return f"{column.name} cannot be compared: {_why_unknown(column, declared)}"
    name = "KS distance" if column.is_number else "Cramér's V"
    measured = f"{name} {found.effect:.3f}, quiet nights stay below {found.threshold:.3f}"
    if state == "quiet":
        return f"{column.name} is as usual: {measured}"
    often = f"out on {n_nights} of the last {declared.persistence.of} nights"
    return f"{column.name} {_moved(column)}: {measured}; {often}"


def _moved(column: Column) -> str:
    if column.is_number:
        old, new = np.median(column.reference), np.median(column.current)
        if old != new:
            return f"moved (median {old:.4g} to {new:.4g})"
        old, new = column.reference.mean(), column.current.mean()
        return f"moved (mean {old:.4g} to {new:.4g})"
    labels = getattr(column.bins, "labels", ())
    old, new = (each / each.sum() for each in (column.daily.sum(axis=0), column.counts))
    most = int(np.abs(new - old).argmax())
    return f"moved ({labels[most]}: {old[most]:.1%} to {new[most]:.1%})"


def _why_unknown(column: Column, declared: Watch) -> str:
    for n, where in ((column.n_current, "came"), (column.n_reference, "are in the reference")):
        if n < declared.min_rows:
            return f"{n} values {where}, watch.min_rows asks for {declared.min_rows}"
    return "the reference is too short to tell what is usual"
