"""How long does drift take: a million rows a side, 15 numbers and 5 categories? In one process.

    python benchmarks/bench_drift.py [--rows 1000000] [--repeats 3]

Prints medians, in seconds of a processor, for all 20 columns together. The reference is binned and
counted by day once for a champion; a night counts its own rows, takes distances, and learns the
quiet history.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from perennial.measure.daily_counts import category_bins, daily_counts, number_bins
from perennial.measure.distances import cramers_v, ks_distance, ks_distance_of_counts
from perennial.measure.quiet_history import quiet_history

N_NUMBERS, N_CATEGORIES, N_DAYS = 15, 5, 60


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    random = np.random.default_rng(0)
    old, new = random.gamma(2, size=(2, asked.rows))
    names = np.array([f"name {i}" for i in range(30)], dtype=object)
    old_names, new_names = random.integers(30, size=(2, asked.rows))
    old_texts, new_texts = names[old_names].tolist(), names[new_names].tolist()
    days = np.arange(asked.rows) * N_DAYS // asked.rows
    once = np.zeros(asked.rows, dtype=np.intp)

    numbers, categories = number_bins(old), category_bins(old_texts)
    ordered = daily_counts(numbers.codes(old), days, N_DAYS, numbers.n_bins)
    named = daily_counts(categories.codes(old_texts), days, N_DAYS, categories.n_bins)
    totals = ordered.sum(axis=0), named.sum(axis=0)
    tonight = daily_counts(numbers.codes(new), once, 1, numbers.n_bins)[0]
    names_tonight = daily_counts(categories.codes(new_texts), once, 1, categories.n_bins)[0]

    def learn_bins() -> None:
        bins = number_bins(old)
        daily_counts(bins.codes(old), days, N_DAYS, bins.n_bins)

    def learn_names() -> None:
        bins = category_bins(old_texts)
        daily_counts(bins.codes(old_texts), days, N_DAYS, bins.n_bins)

    steps: dict[str, list[tuple[int, Callable[[], object]]]] = {
        "once a champion: bins and daily counts": [
            (N_NUMBERS, learn_bins),
            (N_CATEGORIES, learn_names),
        ],
        "a night: its counts": [
            (N_NUMBERS, lambda: daily_counts(numbers.codes(new), once, 1, numbers.n_bins)),
            (N_CATEGORIES, lambda: categories.codes(new_texts)),
        ],
        "a night: KS distance and Cramér's V of counts": [
            (N_NUMBERS, lambda: ks_distance_of_counts(totals[0], tonight)),
            (N_CATEGORIES, lambda: cramers_v(totals[1], names_tonight)),
        ],
        "a night: quiet history, 500 resamples": [
            (N_NUMBERS, lambda: quiet_history(ordered, 1, "ks")),
            (N_CATEGORIES, lambda: quiet_history(named, 1, "cramers_v")),
        ],
        "beside it: exact KS of values, ours": [(N_NUMBERS, lambda: ks_distance(old, new))],
        "beside it: KS of values, scipy.stats.ks_2samp": [
            (N_NUMBERS, lambda: stats.ks_2samp(old, new, method="asymp"))
        ],
    }
    for step, parts in steps.items():
        seconds = sum(times * median_seconds(work, asked.repeats) for times, work in parts)
        print(f"{step:50} {seconds:8.3f} s")


if __name__ == "__main__":
    main()
