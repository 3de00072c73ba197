"""Which strategy of continual learning answers best tomorrow, and which forgets least?

    python benchmarks/bench_learning.py [--seeds 5] [--only NAME …] [--write]

Seeded. Two made-up streams (`learning/streams.py`), one whose relation moves on and one whose
seasons come back, are lived through by every strategy of both learners, from one first version.
After each phase a version is asked about the next phase's first days (forward) and about rows of
all earlier phases that nobody ever learned (backward). Means over phases; seeds give the 95 %
interval. Needs no data. After that come the tables of `learning/optimizing.py`: what smaller and
faster forms of trees save. `--only` takes names of learners, streams and strategies, or
`optimizing`. `--write` writes tables and plot into the documentation.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from learning.plot import draw
from learning.running import Lived, live, strategies_of
from learning.streams import NAMES
from learning.tables import table
from sections import DOCS, fill, load, machine

PAGE, PLOT = DOCS / "benchmarks.md", DOCS / "images" / "learning.svg"
FAMILIES = ("lightgbm", "torch")
FORMS = "optimizing"


def wanted(only: Sequence[str], known: Sequence[str]) -> list[str]:
    """Those of the known names that are asked for; all, when none is."""
    return [each for each in known if each in only] or list(known)


def measured(asked: argparse.Namespace) -> Iterator[list[Lived]]:
    """Every stream with every seed and learner, in several processes, as they come to an end."""
    spawned = multiprocessing.get_context("spawn")  # a forked process has no threads of its own
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=spawned) as pool:
        begun = {
            pool.submit(live, stream, seed, family, wanted(asked.only, strategies_of(family))):
                f"{family}, {stream}, seed {seed}"
            for seed in range(1, asked.seeds + 1)
            for family in wanted(asked.only, FAMILIES)
            for stream in wanted(asked.only, NAMES)
        }  # fmt: skip
        since = time.monotonic()
        for n, each in enumerate(as_completed(begun), start=1):
            yield each.result()
            print(f"{n} of {len(begun)} after {time.monotonic() - since:.0f} s: {begun[each]}",
                  flush=True)  # fmt: skip


def text_of(found: Sequence[Lived], asked: argparse.Namespace) -> str:
    """The section of the documentation: a table for each stream, and what it ran on."""
    parts = []
    for stream in wanted(asked.only, NAMES):
        parts += [f"`{stream}`:", table(found, stream)]
    parts.append(
        f"Means of {asked.seeds} seeds with 95 % intervals (Student's t): "
        f"{machine('lightgbm', 'torch')}. {load()}"
    )
    return "\n\n".join(parts)


def in_order(found: Iterable[Lived]) -> list[Lived]:
    """Learner by learner, strategy by strategy, whichever came to an end first."""
    places = {
        (family, each): (place, number)
        for place, family in enumerate(FAMILIES)
        for number, each in enumerate(strategies_of(family))
    }
    return sorted(
        found, key=lambda each: (places[each.family, each.strategy], each.stream, each.seed)
    )


def strategies(asked: argparse.Namespace) -> None:
    """Measure the strategies; print their tables, and write them where that is asked for."""
    found = in_order(each for lived in measured(asked) for each in lived)
    text = text_of(found, asked)
    print(text)
    if asked.write:
        draw(found, PLOT)
        fill(PAGE, "learning", text)


def forms(asked: argparse.Namespace) -> None:
    """The same for the forms of trees."""
    from learning import optimizing

    text = "\n\n".join((optimizing.in_process(), optimizing.as_the_stage_measures()))
    print(text)
    if asked.write:
        fill(PAGE, "optimizing", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    known = {*FAMILIES, *NAMES, *(each for family in FAMILIES for each in strategies_of(family))}
    if unknown := sorted(set(asked.only) - known - {FORMS}):
        parser.error(f"--only knows {', '.join(sorted(known))}, {FORMS}, got {', '.join(unknown)}")
    if asked.only != [FORMS]:
        strategies(asked)
    if not asked.only or FORMS in asked.only:
        forms(asked)


if __name__ == "__main__":
    main()
