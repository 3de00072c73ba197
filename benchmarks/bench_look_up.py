"""What does it cost to look a question's features up? The flights' own views, in one process.

    python benchmarks/bench_look_up.py [--seconds 3] [--write]

Makes its own project in a temporary folder out of the repository's declarations, fills the online
store with seeded entities of every view (about as many as in the flights of 2013), and looks up
1, 16 and 256 questions at a time. Prints the median of the process's own time, which other load on
the machine disturbs least: when nobody has written to the store in between (what was read is
kept), and when somebody has before every question (everything is read anew). Needs no data.
`--write` puts the table into the documentation.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sections import DOCS, fill, machine

from perennial.declare.project import Project
from perennial.features.online import OnlineFeatures
from perennial.features.repository import open_store, register

REPOSITORY = Path(__file__).parents[1]
MODEL = "flight_delay"
NOON = datetime(2013, 3, 1, 17, tzinfo=UTC)
VALUES: dict[str, list[Any]] = {
    "origin": ["EWR", "JFK", "LGA"],
    "dest": [f"D{number:02d}" for number in range(94)],
    "flight": list(range(1, 2500)),
    "tailnum": [f"N{number:05d}" for number in range(3400)],
}
HEAD = (
    "| questions at once | kept, ms | µs a question | read anew, ms | µs a question |\n"
    "|---:|---:|---:|---:|---:|"
)
SAMPLES = {"Float64": 12.5, "Int32": 7, "String": "text", "Bool": True, "UnixTimestamp": NOON}


def project_in(folder: Path) -> Project:
    """The repository's declarations, without its data."""
    for name in ("data", "feature_repo", "models"):
        ignored = shutil.ignore_patterns("lake", "__pycache__")
        shutil.copytree(REPOSITORY / name, folder / name, symlinks=True, ignore=ignored)
    return Project(folder)


def fill_store(store: Any, random: np.random.Generator) -> None:
    """Every entity that 20,000 questions ask for."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.type_map import python_values_to_proto_values

    online = store._get_provider().online_store
    known, _ = questions(20_000, random)
    moment = NOON - timedelta(hours=1)
    for view in store.list_feature_views():
        values = {
            each.name: python_values_to_proto_values(
                [SAMPLES[str(each.dtype)]], each.dtype.to_value_type()
            )[0]
            for each in view.features
        }
        types = {each.name: each.dtype.to_value_type() for each in view.entity_columns}
        rows = []
        for key in sorted(set(zip(*(known[name] for name in types), strict=True))):
            typed = zip(key, types.values(), strict=True)
            encoded = [python_values_to_proto_values([each], type_)[0] for each, type_ in typed]
            entity = EntityKey(join_keys=list(types), entity_values=encoded)
            rows.append((entity, values, moment, moment))
        online.online_write_batch(store.config, view, rows, None)


def questions(n: int, random: np.random.Generator) -> tuple[dict[str, list[Any]], list[datetime]]:
    known = {
        name: [values[each] for each in random.integers(len(values), size=n)]
        for name, values in VALUES.items()
    }
    known["carrier"] = [f"C{flight % 16}" for flight in known["flight"]]
    return {**known, "scheduled_departure": [NOON + timedelta(hours=1)] * n}, [NOON] * n


def median_ms(run: Callable[[], Any], before: Callable[[], Any], seconds: float) -> float:
    """The median processor time of `run`; `before` is not counted."""
    spent: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(spent) < 5:
        before()
        began = time.process_time()
        run()
        spent.append(time.process_time() - began)
    return statistics.median(spent) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    lines = [HEAD]
    random = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        project = project_in(Path(folder))
        register(project)
        store = open_store(project)
        fill_store(store, random)
        online = OnlineFeatures(project, project.model(MODEL))
        connection = store._get_provider().online_store._get_conn(store.config)
        table = f"{store.project}_airport_weather"

        def write() -> None:
            with connection:
                connection.execute(f'UPDATE "{table}" SET created_ts = created_ts + 1')

        for n in (1, 16, 256):
            several = [questions(n, random) for _ in range(max(4, 4096 // n))]
            for each in several:
                online.look_up(*each)

            def look_up(batch: list[Any] = several) -> None:
                online.look_up(*batch[random.integers(len(batch))])

            kept = median_ms(look_up, lambda: None, asked.seconds)
            anew = median_ms(look_up, write, asked.seconds)
            lines.append(
                f"| {n} | {kept:.3f} | {1000 * kept / n:.0f} | {anew:.3f} | {1000 * anew / n:.0f} |"
            )
    lines += ["", f"Processor time, medians of {asked.seconds:g} s each: {machine('feast')}."]
    print("\n".join(lines))
    if asked.write:
        fill(DOCS / "benchmarks.md", "look-up", "\n".join(lines))


if __name__ == "__main__":
    main()
