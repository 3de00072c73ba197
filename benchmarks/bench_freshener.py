"""How soon do events reach the features? Seeded events of the shipped declarations, on one core.

    python benchmarks/bench_freshener.py [--rate 1000] [--seconds 10]

Journals `--rate` events a second, in ten portions a second, while a freshener follows in the same
process, bound to one core. Prints how long each portion took from the journal to the online store
(median, 99th percentile, most), and how many events a second the freshener took at the end of a
backlog. Makes its own project in a temporary folder out of the repository's declarations.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from perennial.declare.project import Project
from perennial.features.freshener import Freshener
from perennial.features.repository import register
from perennial.keep.journal import Journal
from perennial.keep.watermark import Watermark, watermarks

REPOSITORY = Path(__file__).parents[1]
START = datetime(2013, 3, 1, tzinfo=UTC)
CARRIERS = ["9E", "AA", "B6", "DL", "EV", "MQ", "UA", "US", "VX", "WN"]
PORTIONS_PER_SECOND = 10


def events(n: int) -> list[dict[str, Any]]:
    """Departures of a busy day, seeded: a new flight each, about one minute of the day each."""
    random = np.random.default_rng(7)
    found = []
    for number in range(n):
        scheduled = START + timedelta(minutes=int(number * 1200 / n))
        local = scheduled - timedelta(hours=5)
        found.append(
            {
                "year": local.year, "month": local.month, "day": local.day,
                "dep_time": 1200, "sched_dep_time": local.hour * 100 + local.minute,
                "dep_delay": int(random.integers(-5, 90)), "arr_time": None,
                "sched_arr_time": (local.hour * 100 + local.minute + 200) % 2400,
                "arr_delay": None, "carrier": CARRIERS[random.integers(10)],
                "flight": number + 1, "tailnum": f"N{random.integers(4000):05d}",
                "origin": ["EWR", "JFK", "LGA"][random.integers(3)], "dest": "ORD",
                "air_time": None, "distance": 719, "hour": local.hour, "minute": local.minute,
                "time_hour": scheduled.replace(minute=0).isoformat(),
            }
        )  # fmt: skip
    return found


def project_in(folder: Path) -> Project:
    """The repository's declarations, without its data."""
    for name in ("data", "feature_repo", "models"):
        ignored = shutil.ignore_patterns("lake", "__pycache__")
        shutil.copytree(REPOSITORY / name, folder / name, symlinks=True, ignore=ignored)
    return Project(folder)


def fresh_seq(project: Project) -> int:
    return watermarks(project).get("flights", Watermark()).fresh_seq


def wait_for(project: Project, seq: int) -> None:
    while fresh_seq(project) < seq:
        time.sleep(0.002)


def steady(project: Project, journal: Journal, rows: list[dict[str, Any]], rate: int) -> None:
    """Journal at a steady rate; tell how long each portion took."""
    size = rate // PORTIONS_PER_SECOND
    portions = [rows[first : first + size] for first in range(0, len(rows), size)]
    sent: list[tuple[int, float]] = []
    lags: list[float] = []

    def watch() -> None:
        seen = 0
        while seen < len(portions):
            fresh = fresh_seq(project)
            while seen < len(sent) and sent[seen][0] <= fresh:
                lags.append(time.monotonic() - sent[seen][1])
                seen += 1
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    for number, portion in enumerate(portions):
        time.sleep(max(0.0, began + number / PORTIONS_PER_SECOND - time.monotonic()))
        written_at = time.monotonic()
        sent.append(
            (journal.append([{"received_at": START, "row": row} for row in portion]), written_at)
        )
    watcher.join()
    print(
        f"{rate} events a second for {len(portions) / PORTIONS_PER_SECOND:g} s: from journal to "
        f"online store median {statistics.median(lags):.2f} s, "
        f"99 % within {float(np.quantile(lags, 0.99)):.2f} s, most {max(lags):.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=10)
    asked = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        project = project_in(Path(folder))
        register(project)
        journal = Journal(project.var / "journal" / "events" / "flights")
        stop = threading.Event()
        freshener = threading.Thread(target=Freshener(project).run, args=(stop,))
        freshener.start()
        n = asked.rate * asked.seconds
        rows = events(2 * n)
        steady(project, journal, rows[:n], asked.rate)
        began = time.monotonic()
        last = journal.append([{"received_at": START, "row": row} for row in rows[n:]])
        wait_for(project, last)
        seconds = time.monotonic() - began
        print(f"a backlog of {n} events: {n / seconds:.0f} a second")
        stop.set()
        freshener.join()


if __name__ == "__main__":
    main()
