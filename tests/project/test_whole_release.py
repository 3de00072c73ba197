"""A release through real servers: real questions, the real controller, killed in the middle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep import releases
from perennial.keep.ledger import Ledger

pytestmark = [pytest.mark.serving, pytest.mark.faults, pytest.mark.timeout(1200)]

FIRST, END, TRAINED_AT = "2024-05-01", "2024-06-10", "2024-05-27"
MODEL = "rental_minutes"
RELEASE = """
release:
  shadow: {min_requests: 40}
  steps: [0.5]
  min_requests: 40
  guardrails: {errors: 0.3, latency: null, score_shift: 0.8, disagreement: 0.5}
"""
MARGIN = "judge:\n  margin: 0.9\n"


class City:
    """The world, its ledger, and questions that never repeat."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.project = Project(world.root, Settings(project=None, mlflow_uri=None, ledger_url=None))
        self.ledger = Ledger.of(self.project)
        self.random = np.random.default_rng(9)

    def declare(self, *changes: tuple[str, str]) -> None:
        """Change the model's YAML."""
        path = self.world.root / "models" / f"{MODEL}.yaml"
        text = path.read_text()
        for shipped, changed in changes:
            assert text.count(shipped) == 1, shipped
            text = text.replace(shipped, changed)
        path.write_text(text)

    def offer(self) -> Any:
        """Train, judge, package, deploy and begin to release; the last report."""
        self.world.stage("train", "--model", MODEL, "--at", TRAINED_AT)
        for name in ("judge", "package", "deploy", "release"):
            self.world.stage(name, "--model", MODEL, "--at", END)
        return self.world.reports["release"]

    def ask(self, n: int = 10) -> list[dict[str, Any]]:
        """Ask `n` questions one by one; every one is answered."""
        found = []
        for _ in range(n):
            minute = int(self.random.integers(600))
            question = {
                "station": str(self.random.choice(["harbour", "market", "museum", "park"])),
                "kind": str(self.random.choice(["city", "cargo", "electric"])),
                "taken_at": f"2024-06-10T{9 + minute // 60:02d}:{minute % 60:02d}:00Z",
            }
            found.append(self.world.post("/predict", question))
        return found

    def until(self, release_id: int, *states: str, seconds: float = 240) -> releases.Release:
        """Ask until the release is in one of the states."""
        deadline = time.monotonic() + seconds
        while (found := releases.find(self.ledger, release_id)).state not in states:
            assert time.monotonic() < deadline, f"{found.state}: {found.measured}"
            self.ask()
        return found

    def kill_controller(self) -> None:
        """Kill -9 the controller; the supervisor starts another."""
        self.world.supervised("controller").kill()

    def states(self, release_id: int) -> list[str]:
        """The states that it came through."""
        return [each.state for each in releases.record(self.ledger, release_id)]

    def alias(self) -> str | None:
        """The version that the registry calls champion."""
        from perennial.train.registry import Registry

        digest = Registry(self.project).digest_of(MODEL, "champion")
        return digest and digest[:12]


@pytest.fixture(scope="module")
def city(
    placed: Callable[[Path], AbstractContextManager[Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[City]:
    with placed(tmp_path_factory.mktemp("release") / "project") as world:
        made = City(world)
        made.declare(("judge:\n", RELEASE + MARGIN))
        period = ("--start", FIRST, "--end", END)
        world.stage("land", *period)
        world.stage("check", *period, layer="raw")
        world.stage("layer", *period)
        world.stage("check", *period, layer="marts")
        world.stage("features", "--model", MODEL, *period, "--online-at", END)
        made.offer()
        world.run("up")
        yield made
        made.ledger.engine.dispose()


def test_a_good_candidate_is_promoted_by_real_requests_though_its_controller_is_killed(
    city: City,
) -> None:
    old = city.world.reports["release"]
    assert old["state"] == "done"
    city.declare(("learning_rate: 0.1,", "learning_rate: 0.08,"))
    begun = city.offer()
    assert (begun["state"], begun["replaced"]) == ("pending", old["version"])
    city.until(begun["release_id"], "shadow")
    city.kill_controller()
    city.until(begun["release_id"], "canary")
    held = city.world.json("release", "pause", "--model", MODEL, "--why", "a look")
    assert (held["state"], held["is_paused"], held["weight"]) == ("canary", True, 0.5)
    city.kill_controller()
    city.ask(100)
    assert releases.find(city.ledger, begun["release_id"]).state == "canary"
    city.world.json("release", "resume", "--model", MODEL, "--why", "all is well")
    city.until(begun["release_id"], "promoted")
    assert city.states(begun["release_id"]) == [
        *("pending", "shadow", "canary", "canary", "canary", "promoted"),  # paused and resumed
    ]
    deadline = time.monotonic() + 10
    while city.ask(1)[0]["version"] != begun["version"]:
        assert time.monotonic() < deadline
    deadline = time.monotonic() + 120
    while not releases.find(city.ledger, begun["release_id"]).is_mirrored:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert city.alias() == begun["version"]


def test_going_back_takes_one_command(city: City) -> None:
    promoted = city.world.reports["release"]
    arguments = ("--model", MODEL, "--at", END, "--why", "somebody complained")
    report = city.world.json("roll-back", *arguments)
    assert (report["state"], report["returned_to"]) == ("rolled_back", promoted["replaced"])
    assert city.world.json("roll-back", *arguments) == report
    deadline = time.monotonic() + 10
    while city.ask(1)[0]["version"] != promoted["replaced"]:
        assert time.monotonic() < deadline
    assert city.alias() == promoted["replaced"]


def test_a_candidate_that_learned_the_opposite_is_never_shown_to_anybody(city: City) -> None:
    """Poisoned labels pass every gate that looks at them; live traffic does not."""
    champion = city.ask(1)[0]["version"]
    folder = city.world.root / "data" / "lake" / "training" / MODEL
    for path in folder.rglob("*.parquet"):
        table = pq.ParquetFile(path).read()
        place = table.column_names.index("label")
        labels = 60.0 - np.asarray(table.column("label").to_numpy(zero_copy_only=False), float)
        pq.write_table(table.set_column(place, "label", [labels]), path)
    begun = city.offer()
    answers = []
    deadline = time.monotonic() + 240
    while releases.find(city.ledger, begun["release_id"]).is_open:
        assert time.monotonic() < deadline
        answers += city.ask()
    record = releases.record(city.ledger, begun["release_id"])
    assert [each.state for each in record] == ["pending", "shadow", "rolling_back", "rolled_back"]
    assert "disagreement" in record[2].why
    assert {each["version"] for each in answers} == {champion}
    journaled = city.world.journaled()
    assert begun["version"] not in {each["version"] for each in journaled}
    assert {each["prediction_id"] for each in answers} <= {
        each["prediction_id"] for each in journaled
    }
