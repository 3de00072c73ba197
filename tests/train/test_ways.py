"""Every strategy of trees through the stage: what is kept, restored, refused, and combined."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from perennial.declare.project import Project
from perennial.declare.train import Train
from perennial.errors import DeclarationError, NotEnoughEvidenceError
from perennial.measure.metrics import METRICS
from perennial.train import Trained, train
from perennial.train.candidate import read_candidate
from perennial.train.champion import state_of

pytestmark = pytest.mark.usefixtures("no_registry")

Serve = Callable[[Project], str]
LEARN, UNTIL, AT = "2024-01-21", "2024-02-05", "2024-02-12"
WAYS = ("refit", "extend", "rehearsal", "generative_replay", "distill")
BASE = {
    "parameters": {"num_leaves": 7, "learning_rate": 0.2, "min_data_in_leaf": 5},
    "stopping": {"days": 4, "rounds": 5, "max_rounds": 40},
}
UPDATE = {"days": 14, "max_rounds": 40, "older_days": 7, "max_forgetting": 0.5}


def riper(day: date, table: pa.Table) -> pa.Table:
    """From 21 January on more is ripe."""
    if day < date(2024, 1, 21):
        return table
    labels = (1.5 * np.nan_to_num(table["sweetness"].to_numpy()) + 1.5 > 0).astype(float)
    place = table.column_names.index("label")
    return table.set_column(place, "label", pa.array(labels))


@pytest.fixture
def lived(make_project: Any, serve: Serve) -> Callable[..., Project]:
    """A function that makes a project whose champion learned before anything changed."""

    def made(ways: tuple[str, ...] = WAYS, **more: Any) -> Project:
        update = {**UPDATE, "ways": ways, **more}
        declared = {**BASE, "update": update}
        project: Project = make_project(rows=riper, n_days=43, train=declared)
        train("ripeness", LEARN, project=project)
        serve(project)
        return project

    return made


def learn(project: Project, strategy: str = "", at: str = AT, until: str = UNTIL) -> Trained:
    return train("ripeness", at, until=until, strategy=strategy, project=project)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_learns_what_changed_and_says_how(lived: Any, way: str) -> None:
    trained = learn(lived(), way)
    assert (trained.strategy, trained.way, trained.n_updates) == ("stateful", way, 1)
    (tried,) = trained.tried
    assert METRICS[tried.metric].sign * (tried.held_out - tried.champion) > 0
    assert trained.why.startswith(f"{way}: ")


def test_all_declared_ways_are_tried_and_one_is_taken(lived: Any) -> None:
    trained = learn(lived(), "stateful")
    assert tuple(each.way for each in trained.tried) == WAYS
    assert trained.way in WAYS


def test_state_is_kept_beside_the_version_and_goes_on_with_it(lived: Any, serve: Serve) -> None:
    project = lived()
    files = {"reservoir.parquet", "generator.json"}
    first = state_of(read_candidate(project, "ripeness"))
    assert set(first) == files
    learn(project, "extend")
    second = state_of(read_candidate(project, "ripeness"))
    assert set(second) == files
    assert all(first[name] != second[name] for name in files)
    digest = read_candidate(project, "ripeness").digest
    serve(project)
    third = learn(project, "rehearsal", at="2024-02-12", until="2024-02-10")
    assert (third.n_updates, third.learned_from) == (2, date(2024, 2, 5))
    assert third.digest != digest


def test_learning_again_after_a_crash_learns_nothing_twice(lived: Any) -> None:
    project = lived()
    learn(project, "rehearsal")
    once = dict(read_candidate(project, "ripeness").files)
    learn(project, "rehearsal")
    assert dict(read_candidate(project, "ripeness").files) == once


def test_recalibration_keeps_the_state(lived: Any) -> None:
    project = lived()
    before = state_of(read_candidate(project, "ripeness"))
    learn(project, "recalibrate")
    assert state_of(read_candidate(project, "ripeness")) == before


def test_what_was_not_kept_is_asked_for_by_name(lived: Any) -> None:
    project = lived(ways=("refit",))
    assert not state_of(read_candidate(project, "ripeness"))
    for way in ("rehearsal", "generative_replay"):
        with pytest.raises(NotEnoughEvidenceError, match="retrain first"):
            learn(project, way)


@pytest.mark.parametrize(
    "way", ["finetune", "ewc", "lora", "grow", "shrink_and_perturb", "transfer"]
)
def test_what_trees_cannot_do_is_refused_with_the_reason(make_project: Any, way: str) -> None:
    with pytest.raises(DeclarationError, match=r"lightgbm has no strategy .*trees have no"):
        train("ripeness", LEARN, strategy=way, project=make_project())
    if way != "transfer":
        with pytest.raises(ValueError, match=r"train\.update\.ways: the learner lightgbm has no"):
            Train.model_validate({"update": {"ways": [way]}})
    with pytest.raises(ValueError, match=r"train\.strategy: the learner lightgbm has no"):
        Train.model_validate({"strategy": way})


def test_what_serves_cannot_go_on_as_another_family(lived: Any) -> None:
    project = lived()
    path = project.root / "models" / "ripeness.yaml"
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    declared["train"] = {"learner": "torch"}
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    told = r"train\.learner is torch, but .* of the family lightgbm .* stateless and release"
    with pytest.raises(DeclarationError, match=told):
        learn(Project(project.root, project.settings), "finetune")


def test_full_and_window_say_how_far_back(make_project: Any) -> None:
    project = make_project(train={**BASE, "window_days": 10})
    assert train("ripeness", LEARN, strategy="full", project=project).window_days is None
    window = train("ripeness", LEARN, strategy="window", project=project)
    assert (window.way, window.window_days, window.window_start) == (
        "window", 10, date(2024, 1, 11),
    )  # fmt: skip
    with pytest.raises(DeclarationError, match="full learns from all history, got window_days 5"):
        train("ripeness", LEARN, strategy="full", window_days="5", project=project)


def test_a_window_of_no_size_is_refused(make_project: Any) -> None:
    with pytest.raises(DeclarationError, match="strategy window needs window_days"):
        train("ripeness", LEARN, strategy="window", project=make_project())
    with pytest.raises(DeclarationError, match=r"train.strategy window needs train\.window_days"):
        make_project(train={**BASE, "strategy": "window"}).model("ripeness")


def test_combined_learns_from_scratch_now_and_then(make_project: Any, serve: Serve) -> None:
    update = {**UPDATE, "ways": ["extend"], "combined": {"updates": 2}}
    declared = {**BASE, "strategy": "combined", "update": update}
    project = make_project(rows=riper, n_days=43, train=declared)
    kinds = []
    for until in ("2024-01-21", "2024-01-25", "2024-01-29", "2024-02-02"):
        trained = train("ripeness", until, project=project)
        serve(project)
        kinds.append((trained.strategy, trained.way, trained.n_updates))
    assert kinds == [
        ("stateless", "full", 0),
        ("stateful", "extend", 1),
        ("stateful", "extend", 2),
        ("stateless", "full", 0),
    ]
