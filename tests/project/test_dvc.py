"""`dvc repro` in a clone of its own: from nothing, after no change, after a change, and back.

The pipeline is the repository's own `dvc.yaml`; the project is the second one, which is small.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.serving, pytest.mark.slow, pytest.mark.timeout(1200)]

REPOSITORY = Path(__file__).parents[2]
MODEL = "rental_minutes"
AT_ONCE = "release: {kind: blue_green}\n"
"""No gateway runs and nobody is answered, so that there is nothing to wait for."""
PARAMS = """\
model: rental_minutes
period: {start: "2024-05-01", end: "2024-06-10"}
train_at: "2024-05-27"
judge_at: "2024-06-10"
serve_at: "2024-06-10"
watch_at: "2024-06-10"
"""
BEFORE_TRAIN = ["land", "check@raw", "layer", "check@marts", "features"]
FROM_TRAIN = ["train", "optimize", "judge", "package", "deploy", "release", "watch", "decide"]
STEADY = {"learning_rate": 0.1, "max_rounds": 300}
CAREFUL = {"learning_rate": 0.05, "max_rounds": 300}
HASTY = {"learning_rate": 0.001, "max_rounds": 1}


@dataclass
class Clone:
    """A git repository with the second project and the repository's pipeline."""

    world: Any
    declared: str
    """The model's YAML as it is shipped."""

    def start(self, *command: str) -> str:
        """What a command prints; AssertionError with all of it when it fails."""
        done = subprocess.run(
            command, env=self.world.environment, cwd=self.world.root, timeout=600, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-5000:]}"
        return str(done.stdout)

    def declare(self, learning_rate: float, max_rounds: int) -> None:
        """Change how the model learns, nothing else.

        The margin lets two good candidates take each other's place, whichever is better; it
        happens at once, as no controller runs here.
        """
        text = self.declared
        for shipped, changed in (
            ("learning_rate: 0.1,", f"learning_rate: {learning_rate},"),
            ("max_rounds: 300}", f"max_rounds: {max_rounds}}}"),
            ("judge:\n", f"{AT_ONCE}judge:\n  margin: 0.9\n"),
        ):
            assert text.count(shipped) == 1, shipped
            text = text.replace(shipped, changed)
        (self.world.root / "models" / f"{MODEL}.yaml").write_text(text, encoding="utf-8")

    def repro(self) -> list[str]:
        """The stages that `dvc repro` ran; none that it only took from its cache."""
        return ran(self.start("dvc", "repro"))

    def refused(self) -> str:
        """What `dvc repro` prints that fails."""
        with pytest.raises(AssertionError) as failed:
            self.repro()
        return str(failed.value)

    def routed(self) -> str | None:
        """The version that `perennial status` says serves."""
        found = re.search(rf"^{MODEL}: (\w+) on ", self.world.run("status"), re.MULTILINE)
        return found and found[1]

    def report(self, stage: str) -> Any:
        """The report of a stage about the model."""
        path = self.world.root / "var" / "reports" / stage / f"{MODEL}.json"
        return json.loads(path.read_text())


def ran(printed: str) -> list[str]:
    """The stages that DVC says it ran."""
    return re.findall(r"^Running stage '(.+)':$", printed, re.MULTILINE)


@pytest.fixture(scope="module")
def clone(
    placed: Callable[[Path], AbstractContextManager[Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Clone]:
    """The clone after its first `dvc repro`, which has run every stage."""
    folder = tmp_path_factory.mktemp("dvc")
    with placed(folder / "project") as world:
        world.environment = alone(world.environment, folder)
        new = Clone(world, (world.root / "models" / f"{MODEL}.yaml").read_text())
        add_pipeline(world.root)
        new.declare(**STEADY)
        commit(new)
        assert new.repro() == BEFORE_TRAIN + FROM_TRAIN
        yield new


def alone(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """The environment with our commands first, and without what git and DVC know of elsewhere."""
    kept = {name: value for name, value in environment.items() if name[:4] not in ("GIT_", "DVC_")}
    return kept | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]]),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(folder / "global"),
        "DVC_SYSTEM_CONFIG_DIR": str(folder / "system"),
        "DVC_SITE_CACHE_DIR": str(folder / "site"),
    }


def add_pipeline(root: Path) -> None:
    """The repository's pipeline, and what its stages name as their inputs."""
    shutil.copytree(
        REPOSITORY / "plugins" / "perennial",
        root / "plugins" / "perennial",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (root / ".dvc").mkdir()
    for name in ("dvc.yaml", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore"):
        shutil.copyfile(REPOSITORY / name, root / name)
    (root / "params.yaml").write_text(PARAMS, encoding="utf-8")
    (root / "data" / "intermediate").mkdir()  # this project needs no SQL between staging and marts
    (root / "data" / "intermediate" / ".gitkeep").touch()


def commit(clone: Clone) -> None:
    """Make the project a git repository with everything in it committed."""
    clone.start("git", "init", "--quiet")
    clone.start("git", "config", "user.name", "Somebody")
    clone.start("git", "config", "user.email", "somebody@example.org")
    clone.start("git", "add", ".")
    clone.start("git", "commit", "--quiet", "--message", "Begin")


def test_from_nothing_to_something_that_serves(clone: Clone) -> None:
    version = clone.report("train")["version"]
    assert clone.report("judge")["verdict"] == "blessed"
    assert clone.report("release")["version"] == version
    assert clone.routed() == version
    assert "nothing runs" in clone.world.run("status")
    assert clone.world.processes() == []  # the server of the proof has ended with it


def test_nothing_runs_when_nothing_has_changed(clone: Clone) -> None:
    printed = clone.start("dvc", "repro")
    assert ran(printed) == []
    assert "Data and pipelines are up to date." in printed


def test_what_a_run_writes_is_not_committed(clone: Clone) -> None:
    assert clone.start("git", "status", "--porcelain").split() == ["??", "dvc.lock"]


def test_going_back_serves_again_what_served_before(clone: Clone) -> None:
    """DVC keeps earlier runs; answering out of them would leave the ledger as it is."""
    clone.declare(**STEADY)
    clone.repro()
    steady = clone.report("train")["version"]
    assert clone.routed() == steady
    clone.declare(**CAREFUL)
    assert clone.repro() == FROM_TRAIN
    careful = clone.report("train")["version"]
    assert careful != steady
    assert clone.routed() == careful
    clone.declare(**STEADY)
    assert f"{steady} answered from" in clone.refused()
    why = ("--version", steady, "--why", "careful was no better")
    clone.world.run("allow-again", "--model", MODEL, *why)
    clone.repro()
    assert clone.report("judge")["champion"] == careful
    assert clone.report("release")["version"] == steady
    assert clone.report("release")["replaced"] == careful
    assert clone.routed() == steady


def test_a_changed_model_runs_from_train_on_and_serves_only_if_blessed(clone: Clone) -> None:
    before = clone.routed()
    assert before is not None
    clone.declare(**HASTY)
    stages = clone.repro()
    assert stages[:4] == FROM_TRAIN[:4]
    assert set(stages) <= set(FROM_TRAIN)
    assert clone.report("train")["version"] != before
    assert clone.report("judge")["verdict"] == "refused"
    packaged = clone.report("package")
    assert not packaged["is_packaged"]
    assert "rate_by_station_kind" in packaged["why"]
    assert clone.report("release")["version"] == before
    assert clone.routed() == before


def test_an_experiment_is_judged_and_changes_nothing_that_serves(clone: Clone) -> None:
    before = clone.routed()
    parameter = f"models/{MODEL}.yaml:train.parameters.learning_rate"
    clone.declare(**STEADY)
    clone.start("git", "commit", "--quiet", "--all", "--allow-empty", "--message", "Go back")
    printed = clone.start("dvc", "exp", "run", "judge", "--set-param", f"{parameter}=0.2")
    assert ran(printed) == ["train", "optimize", "judge"]
    assert clone.report("train")["parameters"]["learning_rate"] == 0.2
    (shown,) = json.loads(clone.start("dvc", "metrics", "show", "--json")).values()
    (metrics,) = (each["data"] for each in shown["data"].values())
    judged = clone.report("judge")["metrics"]
    assert set(judged) == {"mae", "rmse", "r2"}
    assert {name: metrics[name] for name in judged} == {
        name: value["estimate"] for name, value in judged.items()
    }
    assert clone.routed() == before


def test_all_that_running_wrote_can_be_deleted(clone: Clone) -> None:
    clone.declare(**STEADY)
    shutil.rmtree(clone.world.root / "var")
    assert clone.routed() is None
    assert clone.repro() == BEFORE_TRAIN + FROM_TRAIN
    assert clone.report("judge")["verdict"] == "blessed"
    assert clone.routed() == clone.report("train")["version"]
