"""How often is a healthy version rolled back, and after how many requests is a bad one caught?

    python benchmarks/simulate_releases.py [--healthy 100] [--runs 30] [--most 2500] [--write]

Seeded. Each run is a release as `models/flight_delay.yaml` declares it (or with stricter limits):
shadow, canary, and 300 requests after promotion, looked at after every ten requests at first and
every twentieth part later. Labels come 100 requests late. A last table has each guardrail alone,
in shadow. A share has the exact interval of Clopper and Pearson (1934),
doi:10.1093/biomet/26.4.404. `--write` writes the tables into docs/guardrails.md.
"""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from sections import DOCS, fill
from simulated.candidates import candidates
from simulated.runs import ALONE, STRICTER, limits_of, one, one_alone, settings
from simulated.tables import HEAD, HEAD_ALONE, row, row_alone

PAGE = DOCS / "guardrails.md"
OF_ALONE = 1500
"""Requests, at most, of a release with one guardrail alone."""


def told_of(setting: str, asked: argparse.Namespace) -> str:
    """The sentence above a table."""
    if setting == "shipped":
        return f"As shipped, at most {asked.most:,} requests a release:"
    limits = {name: limit for name, limit in STRICTER.items() if name != "slices"}
    listed = ", ".join(f"`{name}: {limit}`".replace("'", "") for name, limit in limits.items())
    return textwrap.fill(f"Stricter ({listed}):", 100, break_on_hyphens=False)


def tables(pool: ProcessPoolExecutor, asked: argparse.Namespace) -> Iterator[str]:
    """The lines of all tables; everything is begun before the first is told."""
    begun, alone = {}, {}
    for setting, declared in settings().items():
        for name in candidates(limits_of(declared)):
            n = asked.healthy if name == "healthy" else asked.runs
            run = partial(one, name, setting, most=asked.most)
            begun[setting, name] = pool.map(run, range(n), chunksize=2)
    for guardrail in ALONE:
        for times in (2, 1):
            run = partial(one_alone, guardrail, times, most=OF_ALONE)
            alone[guardrail, times] = pool.map(run, range(asked.runs), chunksize=2)
    for setting in settings():
        yield from (told_of(setting, asked), "", HEAD)
        yield from (row(name, [*ended]) for (of, name), ended in begun.items() if of == setting)
        yield ""
    yield f"Each guardrail alone, with the limits as shipped: {asked.runs} releases for each share,"
    yield f"kept in shadow, at most {OF_ALONE:,} requests each:"
    yield from ("", HEAD_ALONE)
    limits = limits_of(settings()["shipped"])
    for each in ALONE:
        yield row_alone(each, limits[each], [*alone[each, 2]], [*alone[each, 1]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--healthy", type=int, default=100, help="releases of a healthy version")
    parser.add_argument("--runs", type=int, default=30, help="releases of each other")
    parser.add_argument("--most", type=int, default=2500, help="requests before the time limit")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    lines = []
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for line in tables(pool, asked):
            print(line, flush=True)
            lines.append(line.rstrip())
    if asked.write:
        fill(PAGE, "releases", "\n".join(lines))


if __name__ == "__main__":
    main()
