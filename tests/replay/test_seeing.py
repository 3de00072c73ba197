"""What a replay sees is what watch sees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.replay.test_replaying import FIELDS

from perennial.declare.project import Project
from perennial.keep.ledger import serving
from perennial.replay.policies.days import Days
from perennial.replay.policies.living import learn
from perennial.replay.policies.seeing import Eyes
from perennial.replay.policies.world import World
from perennial.watch import watch
from perennial.watch.champion import champion_of
from perennial.watch.reports import report_file
from perennial.watch.watched import Watched

FIRST = date(2024, 1, 24)
ABOUT = {"shape", "sentence", "wasserstein"}
"""What describes a column; a replay describes it by fewer of the reference's values."""


def changing(day: date, table: pa.Table) -> pa.Table:
    """A number moves and a name goes missing on 28 January, labels turn round on the 30th."""
    if day >= date(2024, 1, 28):
        sweetness = pa.array(np.asarray(table["sweetness"]) + 3)
        table = table.set_column(table.column_names.index("sweetness"), "sweetness", sweetness)
        table = table.set_column(
            table.column_names.index("colour"), "colour", pa.nulls(table.num_rows, pa.string())
        )
    if day >= date(2024, 1, 30):
        labels = pa.array(1 - np.asarray(table["label"]))
        table = table.set_column(table.column_names.index("label"), "label", labels)
    return table


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    judge = {**FIELDS["judge"], "metrics": ["log_loss", "roc_auc", "brier_score"]}
    return make_project(n_days=40, rows=changing, **{**FIELDS, "judge": judge})


def test_it_is_what_the_stage_finds_night_after_night(project: Project, tmp_path: Path) -> None:
    model = project.model("ripeness")
    world = World(project, tmp_path / "world", model, model.decide)
    learn(world, model, FIRST, "stateless")
    champion = champion_of(world, "ripeness")
    assert champion is not None
    eyes = Eyes(world, model, Days(world, model))
    states = []
    for night in (FIRST + timedelta(days=n) for n in range(1, 13)):
        mine = eyes.look(champion, night)
        path = report_file(world, "ripeness", night)
        assert Watched.model_validate_json(path.read_bytes()) == mine
        path.unlink()
        stage = watch("ripeness", str(night), project=world)
        assert _bare(mine) == _bare(stage)
        states.append(stage.state)
    assert len(set(states)) > 1


def test_without_columns_only_the_performance_is_looked_at(
    project: Project, tmp_path: Path
) -> None:
    model = project.model("ripeness")
    world = World(project, tmp_path / "world", model, model.decide)
    learn(world, model, FIRST, "stateless")
    champion = champion_of(world, "ripeness")
    assert champion is not None
    eyes = Eyes(world, model, Days(world, model))
    night = FIRST + timedelta(days=11)
    some, whole = eyes.look(champion, night, columns=False), eyes.look(champion, night)
    assert some.performance == whole.performance
    assert some.columns == ()
    assert {each.kind for each in some.findings} <= {"performance", "calibration"}


def test_a_world_has_a_ledger_and_a_lake_of_its_own(project: Project, tmp_path: Path) -> None:
    model = project.model("ripeness")
    settings = project.settings.model_copy(update={"ledger_url": "sqlite:////nowhere/ledger.db"})
    elsewhere = Project(project.root, settings)
    world = World(elsewhere, tmp_path / "world", model, model.decide)
    (project.lake / "predictions" / "ripeness").mkdir(parents=True)
    assert serving(world, "ripeness") is None
    assert not (world.lake / "predictions").exists()
    assert world.var.is_relative_to(tmp_path / "world")
    assert (world.lake / "training").resolve() == (project.lake / "training").resolve()


def _bare(report: Watched) -> Any:
    """A report without what describes, and without the metric that nothing is decided by."""
    told = report.model_dump(mode="json", exclude={"answered", "findings"})
    told["columns"] = [
        {name: value for name, value in each.items() if name not in ABOUT}
        for each in told["columns"]
    ]
    told["performance"] = [each for each in told["performance"] if each["metric"] != "brier_score"]
    findings = [(each.kind, each.level, each.subject) for each in report.findings]
    told["findings"] = [each for each in findings if each[2] != "brier_score"]
    return told
