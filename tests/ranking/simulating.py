"""How many queries a release of kind interleave takes, simulated with the example's customers.

    python -m tests.ranking.simulating

Prints the table of docs/releases.md: each row is 200 seeded releases as declared by default (all
guardrails, a shadow phase before), looked at after every ten queries, for 3,000 queries at most.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perennial.declare.release import Release as Declared
from perennial.measure.interleaving import Credit, coins, ranked, team_draft
from perennial.release.measurement import Setting
from perennial.release.preference import preference
from perennial.release.seen import Phase

from .customers import Customers, Taste, muddle, truth, upside_down

N_RUNS, MOST, EVERY = 200, 3000, 10

PAIRS: dict[str, tuple[Taste, Taste, float]] = {
    "equal": (truth, truth, 0.0),
    "equal, `margin: 0.2`": (truth, truth, 0.2),
    "much better": (muddle(0.8), truth, 0.0),
    "better": (muddle(0.5), truth, 0.0),
    "a little better": (muddle(0.3), truth, 0.0),
    "a little worse": (truth, muddle(0.3), 0.0),
    "worse": (truth, muddle(0.5), 0.0),
    "much worse": (truth, muddle(0.8), 0.0),
    "upside down": (truth, upside_down, 0.0),
}
"""Per row the old version, the new one, and the declared margin."""


@dataclass(frozen=True)
class Ended:
    """How one release came out, after how many queries, and what their clicks said."""

    outcome: str
    n: int
    credit: Credit


def one(old: Taste, new: Taste, margin: float, seed: int, most: int = MOST) -> Ended:
    """One release."""
    declared = Declared.model_validate({"kind": "interleave", "interleave": {"margin": margin}})
    setting = Setting(declared, "canary", True)
    customers, credit = Customers(seed), Credit()
    for n in range(1, most + 1):
        loaves = customers.query()
        orders = (ranked([taste(each) for each in loaves]) for taste in (old, new))
        drafted = team_draft(*orders, coins(f"{seed}:{n}"))
        clicked = customers.clicks([loaves[each.item] for each in drafted])
        teams = [each.is_new for each, is_on in zip(drafted, clicked, strict=True) if is_on]
        credit = credit.add(sum(teams), len(teams) - sum(teams))
        if n % EVERY == 0:
            (found,) = preference([Phase(0, credit=credit)], setting)
            if found.outcome != "inconclusive":
                return Ended(found.outcome, n, credit)
    return Ended("inconclusive", most, credit)


def row(name: str, n_runs: int = N_RUNS) -> str:
    """One row of the table."""
    found = [one(*PAIRS[name], seed) for seed in range(n_runs)]
    shares = [
        f"{np.mean([each.outcome == outcome for each in found]):.2f}"
        for outcome in ("passed", "failed", "inconclusive")
    ]
    decided = [each.n for each in found if each.outcome != "inconclusive"]
    told = [f"{np.quantile(decided, q):.0f}" for q in (0.5, 0.9)] if decided else ["", ""]
    counts = [sum(getattr(each.credit, of) for each in found) for of in ("n_new", "n_old", "n")]
    lead = f"{(counts[0] - counts[1]) / counts[2]:+.2f}".replace("+0.00", "0.00").replace(
        "-0.00", "0.00"
    )
    return f"| {name} | {lead} | {' | '.join([*shares, *told])} |"


def main(write: Callable[[str], object]) -> None:
    """Write the table, row by row."""
    write("| new ranking | preferred by | promoted | back | undecided | queries: median | 90 % |\n")
    write("|---|---|---|---|---|---|---|\n")
    for name in PAIRS:
        write(row(name) + "\n")


if __name__ == "__main__":
    main(sys.stdout.write)
