"""How much does a loss bound cost? Appends a second to a journal, by how often it is synced.

    python benchmarks/bench_journal.py [--seconds 3] [--rows 1] [--rate 4000] [--folder DIR]
                                       [--write]

Appends entries like those of answered questions, `--rows` at a time, for `--seconds` each with
`sync_ms` none, 50 and 0, in folders below `--folder` (temporary ones): first as fast as it goes,
then `--rate` appends a second, as a busy gateway does. Prints appends a second, how long one took
(median, 99th percentile, most), how many calls synced the disk, and the longest that an
acknowledged entry was not on the disk yet. `--write` puts the table into the documentation.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from sections import DOCS, fill, load, machine

from perennial.keep.journal import Journal

HEAD = (
    "| wanted a second | synced every | appends/s | median ms | p99 ms | longest ms | syncs "
    "| unsynced at most, ms |\n|---|---|---:|---:|---:|---:|---:|---:|"
)
BOUNDS: tuple[float | None, ...] = (None, 50, 0)


def entry() -> dict[str, Any]:
    """An answer with twenty features."""
    return {
        "kind": "answer", "prediction_id": uuid.uuid4().hex, "model": "flight_delay",
        "version": "0123456789ab", "variant": "champion", "slot": "blue", "release_id": None,
        "at": datetime.now(UTC), "asked_at": datetime.now(UTC), "latency_ms": 3.25,
        "fallback": None, "request": {"carrier": "UA", "flight": 1545, "origin": "EWR"},
        "features": {f"view__feature_{n}": n / 7 for n in range(20)}, "score": 0.25, "later": [],
    }  # fmt: skip


class Watch(threading.Thread):
    """Measures how long acknowledged entries wait for the disk."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.journal, self.stop, self.longest = journal, threading.Event(), 0.0
        self.acknowledged_seq = journal.last_seq

    def run(self) -> None:
        waiting, since = self.acknowledged_seq, time.monotonic()
        while not self.stop.wait(0.001):
            if self.journal.sync.synced_seq >= waiting:
                waiting, since = self.acknowledged_seq, time.monotonic()
                if self.journal.sync.synced_seq >= waiting:
                    continue
            self.longest = max(self.longest, time.monotonic() - since)


def measure(folder: Path, sync_ms: float | None, seconds: float, rows: int, rate: float) -> str:
    """One line of the table."""
    n_syncs = 0
    real = os.fdatasync

    def counted(descriptor: int) -> None:
        nonlocal n_syncs
        n_syncs += 1
        real(descriptor)

    with mock.patch("os.fdatasync", counted):
        journal = Journal(folder, sync_ms=sync_ms)
        watch = Watch(journal)
        if sync_ms is not None:
            watch.start()
        entries = [entry() for _ in range(rows)]
        took: list[float] = []
        start = time.perf_counter()
        while (began := time.perf_counter()) < start + seconds:
            if len(took) > (began - start) * rate:
                time.sleep(0.0005)
                continue
            watch.acknowledged_seq = journal.append(entries)
            took.append(time.perf_counter() - began)
        watch.stop.set()
        if sync_ms is not None:
            watch.join()
        journal.close()
    median, p99, most = (float(each) * 1000 for each in np.quantile(took, [0.5, 0.99, 1]))
    waited = "-" if sync_ms is None else f"{watch.longest * 1000:.0f}"
    bound = {None: "never", 0: "append"}.get(sync_ms, f"{sync_ms} ms")
    return (
        f"| {bound} | {len(took) / seconds:,.0f} | {median:.3f} | {p99:.3f} | {most:.1f} "
        f"| {n_syncs} | {waited} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--rate", type=float, default=4000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    lines = [HEAD]
    for rate in (math.inf, asked.rate):
        for sync_ms in BOUNDS:
            with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
                line = measure(Path(folder), sync_ms, asked.seconds, asked.rows, rate)
            lines.append(f"| {'all' if rate == math.inf else f'{rate:,.0f}'} {line}")
    rows = "one entry" if asked.rows == 1 else f"{asked.rows} entries"
    told = f"{asked.seconds:g} s each, {rows} an append: {machine()}. {load()}"
    print("\n".join([*lines, "", told]))
    if asked.write:
        fill(DOCS / "benchmarks.md", "journal", "\n".join([*lines, "", told]))


if __name__ == "__main__":
    main()
