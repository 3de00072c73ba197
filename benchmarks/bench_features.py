"""How long does a training set take? Seeded random data, one process, after imports.

    python benchmarks/bench_features.py [--rows 336000] [--repeats 3] [--threads 2]

Eight views of five features, some with 330,000 rows and composite keys, as daily Parquet.
Prints the median of the repeats, the rows, and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64, String

# Of each view: how many values each key has, how many rows, does it become known later?
VIEWS = [
    ((16, 105), 330_000, False),
    ((4_000,), 330_000, True),
    ((3, 72), 330_000, False),
    ((16,), 20_000, True),
    ((105,), 38_000, False),
    ((16, 105), 90_000, True),
    ((4_000,), 8_000, False),
    ((300, 105), 330_000, True),
]
YEAR_SECONDS = 365 * 86_400


def moments(random: np.random.Generator, n: int) -> np.ndarray:
    """Seconds of 2013, at random."""
    seconds = random.integers(0, YEAR_SECONDS, n) * 1_000_000
    return np.datetime64("2013-01-01", "us") + seconds.astype("timedelta64[us]")


def keys(random: np.random.Generator, cardinality: int, n: int) -> np.ndarray:
    return np.char.add("k", random.integers(0, cardinality, n).astype(str))


def key_columns(cardinalities: tuple[int, ...]) -> list[str]:
    return [f"key{n}_of_{cardinality}" for n, cardinality in enumerate(cardinalities)]


def write_view(folder: Path, n: int, random: np.random.Generator) -> None:
    cardinalities, n_rows, is_late = VIEWS[n]
    event = moments(random, n_rows)
    late = random.integers(0, 36_000, n_rows) * 1_000_000 * is_late
    columns = {
        name: keys(random, cardinality, n_rows)
        for name, cardinality in zip(key_columns(cardinalities), cardinalities, strict=True)
    }
    columns["event_timestamp"] = pa.array(event, pa.timestamp("us", "UTC"))
    columns["created_timestamp"] = pa.array(
        event + late.astype("timedelta64[us]"), pa.timestamp("us", "UTC")
    )
    columns["day"] = event.astype("datetime64[D]")
    columns |= {f"v{n}_{feature}": random.normal(size=n_rows) for feature in range(5)}
    rows = pa.table(columns)
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        connection.execute(f"COPY rows TO '{folder}/v{n}' (FORMAT parquet, PARTITION_BY (day))")


def build_store(folder: Path, threads: int) -> FeatureStore:
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(folder / "registry.db"),
        offline_store={
            "type": "perennial.features.offline_store.AsofOfflineStore",
            "threads": threads,
        },
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
        repo_path=folder,
    )
    names = {key for cardinalities, _, _ in VIEWS for key in key_columns(cardinalities)}
    entities = {
        name: Entity(name=name, join_keys=[name], value_type=ValueType.STRING) for name in names
    }
    views = [
        FeatureView(
            name=f"view{n}",
            entities=[entities[key] for key in key_columns(cardinalities)],
            schema=[
                *(Field(name=key, dtype=String) for key in key_columns(cardinalities)),
                *(Field(name=f"v{n}_{feature}", dtype=Float64) for feature in range(5)),
            ],
            source=FileSource(
                name=f"source{n}",
                path=f"v{n}",
                timestamp_field="event_timestamp",
                created_timestamp_column="created_timestamp",
            ),
        )
        for n, (cardinalities, _, _) in enumerate(VIEWS)
    ]
    store = FeatureStore(config=config)
    store.apply([*entities.values(), *views])
    return store


def entity_rows(random: np.random.Generator, n: int) -> pa.Table:
    every_key = {
        name: cardinality
        for cardinalities, _, _ in VIEWS
        for name, cardinality in zip(key_columns(cardinalities), cardinalities, strict=True)
    }
    columns = {name: keys(random, cardinality, n) for name, cardinality in every_key.items()}
    columns["event_timestamp"] = pa.array(moments(random, n), pa.timestamp("us", "UTC"))
    return pa.table(columns)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=336_000)
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=2)
    asked = arguments.parse_args()
    random = np.random.default_rng(2013)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in range(len(VIEWS)):
            write_view(folder, n, random)
        store = build_store(folder, asked.threads)
        rows = entity_rows(random, asked.rows)
        frame = rows.to_pandas()
        features = [f"view{n}:v{n}_{feature}" for n in range(len(VIEWS)) for feature in range(5)]
        before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for how, given in {"arrow": rows, "pandas": frame}.items():
            seconds, cpu_seconds = [], []
            for _ in range(asked.repeats):
                start, cpu_start = time.perf_counter(), time.process_time()
                answer = store.get_historical_features(given, features).to_arrow()
                seconds.append(time.perf_counter() - start)
                cpu_seconds.append(time.process_time() - cpu_start)
            assert answer.num_rows == asked.rows
            assert answer["event_timestamp"].equals(rows["event_timestamp"]), "order is kept"
            filled = 1 - answer["v0_0"].null_count / answer.num_rows
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{how:>6} entity rows: {statistics.median(seconds):.2f} s "
                f"(of {[round(s, 2) for s in seconds]}), "
                f"{statistics.median(cpu_seconds):.2f} s of CPU, {answer.num_rows:,} rows, "
                f"{answer.num_columns} columns, {filled:.0%} filled in the first view, "
                f"peak {peak_mb:,.0f} MB ({before_mb:,.0f} MB before)"
            )


if __name__ == "__main__":
    sys.exit(main())
