"""The rules that hold for every gate, whatever its expectations are."""

from __future__ import annotations

from perennial.check.checked import Finding
from perennial.check.findings import percent
from perennial.declare.gates import Gate


def has_rows(gate: Gate, shown: str, n_days: int) -> Finding:
    """For a period without rows: a stop, unless the gate declares that its table may be empty.

    No gate passes because it had nothing to look at.
    """
    return Finding(
        expectation="has_rows",
        severity="stop",
        outcome="nothing_to_look_at" if gate.may_be_empty else "failed",
        asked="at least one row in the period",
        found=f"no row on the {n_days} days looked at",
        declared_in=f"{shown}: may_be_empty",
        why="Without rows no expectation can fail, so an outage upstream would look like a pass.",
    )


def share_is_accepted(gate: Gate, shown: str, n_quarantined: int, n_rows: int) -> Finding:
    """Whether no more rows are set aside than the gate accepts."""
    share = n_quarantined / n_rows
    return Finding(
        expectation="max_quarantined_share",
        severity="stop",
        outcome="passed" if share <= gate.max_quarantined_share else "failed",
        asked=f"at most {percent(gate.max_quarantined_share)} of the rows set aside",
        found=f"{n_quarantined} of {n_rows} would be set aside ({percent(share)})",
        n_looked_at=n_rows,
        n_failing=n_quarantined,
        declared_in=f"{shown}: max_quarantined_share",
        why="So many bad rows are a fault of their source, and what is left is no fair sample.",
    )


def readable(where: str, problem: str) -> Finding:
    """For files that cannot be read together: a stop."""
    return Finding(
        expectation="is_readable",
        severity="stop",
        outcome="failed",
        asked="Parquet files of one type per column",
        found=problem,
        declared_in=where,
        why="What cannot be read cannot be judged.",
    )
