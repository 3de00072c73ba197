"""Every strategy of networks through the stage, kept with its version and started from another."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import yaml

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep.ledger import Ledger
from perennial.learn.version_files import read
from perennial.package.bento import bento_folder
from perennial.train import Trained, train
from perennial.train.candidate import candidate_folder, read_candidate
from perennial.train.champion import state_of

from .test_ways import AT, LEARN, UNTIL, UPDATE, riper

pytestmark = pytest.mark.usefixtures("no_registry")

WAYS = ("finetune", "rehearsal", "generative_replay", "distill", "ewc", "lora", "grow",
        "shrink_and_perturb")  # fmt: skip
BASE = {
    "learner": "torch",
    "parameters": {
        "width": 16, "blocks": 1, "frequencies": 4, "numeric_embedding": 4, "embedding": 3,
        "batch": 128, "epochs": 4, "learning_rate": 0.01,
    },
    "stopping": {"days": 4},
    "threads": 1,
}  # fmt: skip


def lived(make_project: Any, serve: Any, ways: tuple[str, ...] = WAYS, **more: Any) -> Project:
    update = {**UPDATE, "ways": ways, "epochs": 3, "learning_rate": 0.01, **more}
    project: Project = make_project(rows=riper, n_days=43, train={**BASE, "update": update})
    train("ripeness", LEARN, project=project)
    serve(project)
    return project


def learn(project: Project, strategy: str, at: str = AT, until: str = UNTIL) -> Trained:
    return train("ripeness", at, until=until, strategy=strategy, project=project)


def test_all_ways_are_tried_and_what_they_need_is_kept(make_project: Any, serve: Any) -> None:
    project = lived(make_project, serve)
    needed = {"reservoir.parquet", "generator.json", "fisher.safetensors"}
    assert set(state_of(read_candidate(project, "ripeness"))) == needed
    trained = learn(project, "stateful")
    assert tuple(each.way for each in trained.tried) == WAYS
    assert (trained.way in WAYS, trained.n_updates) == (True, 1)
    assert set(state_of(read_candidate(project, "ripeness"))) == needed
    files = dict(read_candidate(project, "ripeness").files)
    assert learn(project, "stateful") == trained
    assert dict(read_candidate(project, "ripeness").files) == files


def test_a_way_that_cannot_go_on_is_left_out_with_its_reason(make_project: Any, serve: Any) -> None:
    ways = ("finetune", "grow")
    project = lived(make_project, serve, ways, grow={"max_blocks": 1})
    trained = learn(project, "stateful")
    assert [each.way for each in trained.tried] == ["finetune"]
    assert "left out: strategy grow has made 1 blocks" in trained.why


def test_an_adapted_version_serves_and_goes_on(make_project: Any, serve: Any) -> None:
    project = lived(make_project, serve, ("lora",))
    base = read_candidate(project, "ripeness").files
    learn(project, "lora", at="2024-01-30", until="2024-01-30")
    adapted = read_candidate(project, "ripeness").files
    assert adapted["network.safetensors"] == base["network.safetensors"]
    serve(project)
    again = learn(project, "lora")
    assert (again.n_updates, again.strategy) == (2, "stateful")
    last = read_candidate(project, "ripeness").files
    assert last["network.safetensors"] == base["network.safetensors"]
    assert last["adapter_model.safetensors"] != adapted["adapter_model.safetensors"]


def test_a_model_starts_from_another_that_serves(make_project: Any, serve: Any) -> None:
    transferred = {**BASE, "strategy": "transfer", "transfer": {"model": "fruit"}}
    made = make_project(rows=riper, n_days=43, train=transferred)
    declared = yaml.safe_load((made.root / "models" / "ripeness.yaml").read_text(encoding="utf-8"))
    other = {**declared, "train": BASE}
    (made.root / "models" / "fruit.yaml").write_text(yaml.safe_dump(other), encoding="utf-8")
    project = Project(made.root, made.settings)
    with pytest.raises(UnavailableError, match="nothing serves"):
        train("ripeness", LEARN, project=project)
    shutil.copytree(project.lake / "training" / "ripeness", project.lake / "training" / "fruit")
    first = train("fruit", LEARN, project=project)
    folder = candidate_folder(project, "fruit")
    ledger = Ledger.of(project)
    ledger.reserve("fruit", 4000)
    ledger.set_slot("fruit", "blue", first.version, "proven")
    ledger.route("fruit", "blue", first.version, "test", "test")
    shutil.copytree(folder, bento_folder(project, "fruit", read(folder).version) / "src" / "model")
    moved = train("ripeness", UNTIL, project=project)
    assert (moved.way, moved.strategy) == ("transfer", "stateless")
    assert moved.parent == f"fruit:{first.version}"
    assert moved.why == f"transfer from fruit:{first.version}"
