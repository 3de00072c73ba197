"""How long do the training rows of the project's own model take? After imports, in one process.

    python benchmarks/bench_training_rows.py [--model flight_delay] [--repeats 3]

Needs the lake that `dvc repro` makes. Prints the median time from the questions of all days to the
joined features of every view, and the process's peak memory.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from datetime import date
from pathlib import Path

from perennial.declare.project import Project
from perennial.features.repository import open_store
from perennial.features.training import spine

EVER = (date(1970, 1, 1), date(2200, 1, 1))


def peak_megabytes() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="flight_delay")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    project = Project.find()
    model = project.model(asked.model)
    store = open_store(project)
    rows = spine(project, model, *EVER)
    service = store.get_feature_service(model.features)
    seconds = []
    for _ in range(asked.repeats):
        began = time.monotonic()
        table = store.get_historical_features(
            entity_df=rows, features=service, full_feature_names=True
        ).to_arrow()
        seconds.append(time.monotonic() - began)
    print(
        f"{table.num_rows:,} questions, {table.num_columns} columns: median "
        f"{statistics.median(seconds):.2f} s, peak {peak_megabytes():.0f} MB"
    )


if __name__ == "__main__":
    main()
