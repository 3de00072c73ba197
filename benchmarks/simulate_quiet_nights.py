"""How often is a quiet night suspected of drift, and how often is a real shift found?

    python benchmarks/simulate_quiet_nights.py [--references 100] [--nights 10] [--days 1 3]

Seeded; prints the table of docs/decisions/0006. Each reference has 60 days of 900 rows and 25
columns (15 numbers, 10 categories) that differ from each other in all but the kind of stream, and
is held against some nights after it. "Suspected" is the share of quiet nights on which any column
is at or below alpha after Benjamini-Hochberg. "Found" is the share of nights on which a column that
was shifted is, the other 24 being quiet.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from perennial.measure.distances import cramers_v, ks_distance_of_counts
from perennial.measure.inputs import FloatArray
from perennial.measure.multiple_testing import benjamini_hochberg
from perennial.measure.quiet_history import QuietHistory, quiet_history

N_DAYS, N_ROWS, N_NUMBERS, N_COLUMNS = 60, 900, 15, 25
CUTS = ndtri(np.arange(1, 20) / 20)
LOGITS = np.log([0.3, 0.25, 0.15, 0.1, 0.1, 0.05, 0.03, 0.02])
SIDES = np.array([0.5, -0.5] * 4)

Stream = Callable[[np.random.Generator, int], FloatArray]
"""The level of each column day by day, in standard deviations of its values, (days, 25)."""


def iid(random: np.random.Generator, n: int) -> FloatArray:
    return np.zeros((n, N_COLUMNS))


def day_effects(random: np.random.Generator, n: int, sd: float = 0.15) -> FloatArray:
    return sd * random.standard_normal((n, N_COLUMNS))


def shared_day_effects(random: np.random.Generator, n: int) -> FloatArray:
    return np.repeat(day_effects(random, n)[:, :1], N_COLUMNS, axis=1)


def heavy_day_effects(random: np.random.Generator, n: int) -> FloatArray:
    return 0.15 / np.sqrt(2) * random.standard_t(4, (n, N_COLUMNS))


def autoregressive(random: np.random.Generator, n: int, phi: float, sd: float) -> FloatArray:
    levels = random.standard_normal((n, N_COLUMNS))
    for day in range(1, n):
        levels[day] = phi * levels[day - 1] + np.sqrt(1 - phi**2) * levels[day]
    return sd * levels


def weekdays(random: np.random.Generator, n: int) -> FloatArray:
    week = 0.3 * random.standard_normal((7, N_COLUMNS))
    return week[np.arange(n) % 7] + day_effects(random, n, 0.05)


def season(random: np.random.Generator, n: int) -> FloatArray:
    """A wave of a year with an amplitude of one standard deviation, at any of its phases."""
    turns = np.arange(n)[:, np.newaxis] / 365 + random.random(N_COLUMNS)
    return np.sin(2 * np.pi * turns) + day_effects(random, n, 0.05)


def everything(random: np.random.Generator, n: int) -> FloatArray:
    return autoregressive(random, n, 0.8, 0.1) + weekdays(random, n) + season(random, n) / 3


STREAMS: dict[str, tuple[Stream, int]] = {
    "iid rows": (iid, 30),
    "day effects, sd 0.15": (day_effects, 30),
    "one day effect for all columns": (shared_day_effects, 30),
    "AR(1) 0.8, sd 0.15": (lambda random, n: autoregressive(random, n, 0.8, 0.15), 30),
    "weekdays, sd 0.3": (weekdays, 30),
    "season of a year, sd 0.7": (season, 3),
    "season, weekdays and AR(1)": (everything, 3),
    "beyond: AR(1) 0.95, sd 0.15": (lambda random, n: autoregressive(random, n, 0.95, 0.15), 30),
    "beyond: day effects, t with 4": (heavy_day_effects, 30),
    "beyond: season, a month later": (season, 30),
}
"""Each stream, and within how many days after the reference its nights lie."""

SHIFTS: dict[str, int] = {"mean + 0.5 sd": 0, "scale * 1.5": 0, "share + 0.15": N_NUMBERS}
"""What is shifted, and the column."""


@dataclass(frozen=True)
class Column:
    """One column's reference, and what its quiet days look like."""

    total: FloatArray
    history: QuietHistory
    is_number: bool

    def p_value(self, counts: FloatArray) -> float:
        measure = ks_distance_of_counts if self.is_number else cramers_v
        return self.history.p_value(measure(self.total, counts))


def number_counts(random: np.random.Generator, levels: FloatArray, scale: float = 1) -> FloatArray:
    below = ndtr((CUTS - levels[:, np.newaxis]) / scale)
    return random.multinomial(N_ROWS, np.diff(below, axis=1, prepend=0, append=1))


def name_counts(random: np.random.Generator, levels: FloatArray, moved: float = 0) -> FloatArray:
    shares = np.exp(LOGITS + levels[:, np.newaxis] * SIDES)
    shares /= shares.sum(axis=1, keepdims=True)
    shares[:, 1:] *= 1 - moved / (1 - shares[:, :1])
    shares[:, 0] += moved
    return random.multinomial(N_ROWS, shares)


def learned(random: np.random.Generator, levels: FloatArray, column: int, days: int) -> Column:
    is_number = column < N_NUMBERS
    counts = (number_counts if is_number else name_counts)(random, levels)
    history = quiet_history(counts, days, "ks" if is_number else "cramers_v")
    assert history is not None
    return Column(counts.sum(axis=0), history, is_number)


def shifted(random: np.random.Generator, levels: FloatArray, shift: str) -> FloatArray:
    if shift.startswith("mean"):
        return number_counts(random, levels + 0.5).sum(axis=0)
    if shift.startswith("scale"):
        return number_counts(random, levels, scale=1.5).sum(axis=0)
    return name_counts(random, levels, moved=0.15).sum(axis=0)


def is_suspected(p_values: FloatArray, alpha: float) -> FloatArray:
    return benjamini_hochberg(p_values) <= alpha


def shares_of_nights(
    name: str, days: int, references: int, nights: int, alpha: float
) -> tuple[float, list[float]]:
    """The share of quiet nights with any column suspected, and of each shift that is found."""
    stream, later = STREAMS[name]
    quiet: list[bool] = []
    found: dict[str, list[bool]] = {shift: [] for shift in SHIFTS}
    for seed in range(references):
        random = np.random.default_rng([seed, days])
        levels = stream(random, N_DAYS + later + days)
        columns = [learned(random, levels[:N_DAYS, i], i, days) for i in range(N_COLUMNS)]
        for first in N_DAYS + random.integers(later, size=nights):
            now = levels[first : first + days]
            p_values = np.empty(N_COLUMNS)
            for i, column in enumerate(columns):
                counts = number_counts if column.is_number else name_counts
                p_values[i] = column.p_value(counts(random, now[:, i]).sum(axis=0))
            quiet.append(bool(is_suspected(p_values, alpha).any()))
            for shift, i in SHIFTS.items():
                with_shift = p_values.copy()
                with_shift[i] = columns[i].p_value(shifted(random, now[:, i], shift))
                found[shift].append(bool(is_suspected(with_shift, alpha)[i]))
    return float(np.mean(quiet)), [float(np.mean(hits)) for hits in found.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--references", type=int, default=100)
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--days", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--alpha", type=float, default=0.05)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    print("| stream | window | suspected | " + " | ".join(f"found: {s}" for s in SHIFTS) + " |")
    print("|---|---|---|" + "---|" * len(SHIFTS))
    for name in STREAMS:
        for days in asked.days if asked.only in name else ():
            suspected, found = shares_of_nights(
                name, days, asked.references, asked.nights, asked.alpha
            )
            cells = [name, f"{days} d", f"{suspected:.3f}", *(f"{share:.2f}" for share in found)]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
