"""A whole project under a real Airflow, started as a user starts it, for the tests of one file."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date

import pytest
import yaml

from perennial.replay.orchestrator import Orchestrator

from ..second_world import second_world  # noqa: TID252  # tests are no installed package
from .living import BOOTSTRAPPED, FIRST, MODEL, QUICK, REPOSITORY, WEAK, Nights


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """The second project with a weak champion, and everything up: servers, controller, Airflow."""
    second = second_world()
    with second.second_project(tmp_path_factory.mktemp("nights") / "project") as world:
        for name in ("dags", "plugins"):
            (world.root / name).symlink_to(REPOSITORY / name)
        declared = {"nights": {"start": date(2024, 5, 2), "end": date(2024, 7, 1)}}
        (world.root / "params.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
        port = second.free_ports(1)
        world.environment["PERENNIAL_AIRFLOW_PORT"] = str(port)
        nights = Nights(world, Orchestrator(f"http://127.0.0.1:{port}", "admin", ""))
        nights.declare(**QUICK, train={"stopping": WEAK})
        started = time.monotonic()
        world.run("bootstrap", "--model", MODEL, "--start", FIRST, "--end", BOOTSTRAPPED)
        nights.seconds["bootstrap"] = time.monotonic() - started
        started = time.monotonic()
        world.reports["up"] = world.run("up", "--airflow")
        nights.seconds["up"] = time.monotonic() - started
        secrets = json.loads((world.root / "var/state/airflow_passwords.json").read_text())
        nights.airflow.password = secrets["admin"]
        yield nights
