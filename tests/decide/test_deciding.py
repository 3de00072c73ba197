"""The stage: what it reads and writes, once a night."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.decide.nights import NIGHT, finding, performed, watched

from perennial.decide import Decided, decide
from perennial.declare.project import Project
from perennial.errors import IntegrityError, UnavailableError
from perennial.keep.ledger import Ledger, bento_folder
from perennial.keep.ledger_tables import audit, decisions
from perennial.learn import version_files
from perennial.watch.reports import report_file

Make = Callable[..., Project]


@pytest.fixture
def make(make_project: Any) -> Make:
    """A function that makes a project in which a version serves that learned until 1 February."""

    def made(**declared: Any) -> Project:
        project: Project = make_project(n_days=0, decide=declared)
        story = {"window_start": "2024-01-01", "window_end": "2024-02-01", "at": "2024-02-01"}
        aside = project.root / "aside"
        digest = version_files.write(
            aside, {"model.txt": b"tree"}, {"training.json": json.dumps(story).encode()}
        )
        version = digest[:12]
        folder = bento_folder(project, "ripeness", version) / "src"
        folder.mkdir(parents=True)
        aside.rename(folder / "model")
        ledger = Ledger.of(project)
        ledger.reserve("ripeness", 4000)
        ledger.set_slot("ripeness", "blue", version, "proven")
        ledger.route("ripeness", "blue", version, "test", "test")
        return project

    return made


def see(project: Project, state: Any, *findings: Any, night: date = NIGHT, **more: Any) -> None:
    """Write the night's report about what serves."""
    found = Ledger.of(project).current("ripeness")
    assert found is not None
    report = watched(state, *findings, night=night, version=found[0].version, **more)
    path = report_file(project, "ripeness", night)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report.model_dump_json())


def worse(project: Project, night: date = NIGHT, **more: Any) -> None:
    see(project, "worse", finding("performance"), night=night, **more)


def rows(project: Project, table: Any) -> list[Any]:
    with Ledger.of(project).engine.connect() as connection:
        return list(connection.execute(select(table)))


def on(project: Project, night: date = NIGHT) -> Decided:
    return decide("ripeness", str(night), project=project)


def test_a_night_that_was_not_watched_says_so(make: Make) -> None:
    with pytest.raises(UnavailableError, match=r"run watch --model ripeness --at 2024-02-10"):
        on(make())


def test_a_report_that_is_none_is_refused(make: Make) -> None:
    project = make()
    worse(project)
    report_file(project, "ripeness", NIGHT).write_text("{}")
    with pytest.raises(IntegrityError, match="is not a report of watch"):
        on(project)


def test_a_training_tells_how_and_until_when(make: Make) -> None:
    project = make()
    worse(project)
    decided = on(project)
    assert (decided.decision, decided.strategy) == ("retrain", "stateless")
    assert decided.train_until == NIGHT - timedelta(days=7)
    assert decided.seen == ("performance is alarm",)
    assert not decided.needs_approval


def test_what_trains_nothing_tells_no_strategy(make: Make) -> None:
    project = make()
    see(project, "quiet")
    decided = on(project)
    assert (decided.strategy, decided.train_until) == (None, None)
    assert decided.seen == ("nothing but quiet in 700 rows",)


def test_declared_decisions_wait_for_approval(make: Make) -> None:
    project = make(approve=["retrain"])
    worse(project)
    assert on(project).needs_approval
    see(project, "quiet", night=NIGHT + timedelta(days=1))
    assert not on(project, NIGHT + timedelta(days=1)).needs_approval


def test_the_same_night_twice_is_one_decision(make: Make) -> None:
    project = make()
    worse(project)
    first = on(project)
    file = project.var / "reports" / "decide" / "ripeness" / "2024-02-10.json"
    file.unlink()  # as if the first one had died before it wrote the file
    assert on(project) == first
    assert Decided.model_validate_json(file.read_bytes()) == first
    assert len(rows(project, decisions)) == 1
    assert [each.action for each in rows(project, audit)].count("decide") == 1


def test_the_same_report_is_not_decided_anew_when_the_policy_changed(make: Make) -> None:
    project = make()
    worse(project)
    first = on(project)
    path = project.root / "models" / "ripeness.yaml"
    path.write_text(path.read_text().replace("decide: {}", "decide: {policy: never}"))
    project.__dict__.pop("models", None)
    assert project.model("ripeness").decide.policy == "never"
    assert on(project) == first


def test_a_different_report_is_decided_anew_and_audited(make: Make) -> None:
    project = make()
    see(project, "unknown")
    assert on(project).decision == "stand_by"
    worse(project)
    assert on(project).decision == "retrain"
    (row,) = rows(project, decisions)
    assert row.decision == "retrain"
    again = [
        json.loads(each.detail) for each in rows(project, audit) if each.action == "decide again"
    ]
    assert [(each["before"], each["decision"]) for each in again] == [("stand_by", "retrain")]


def test_cool_down_counts_earlier_nights_only(make: Make) -> None:
    project = make()
    nights = [NIGHT + timedelta(days=each) for each in range(5)]
    for night in nights:
        worse(project, night)
    found = [on(project, night).decision for night in nights]
    assert found == ["retrain", "stand_by", "stand_by", "stand_by", "retrain"]
    worse(project, NIGHT - timedelta(days=1))  # lived through later than the others
    assert on(project, NIGHT - timedelta(days=1)).decision == "retrain"


def test_a_night_decided_anew_does_not_cool_itself_down(make: Make) -> None:
    project = make()
    worse(project)
    on(project)
    worse(project, n_rows=701)
    assert on(project).decision == "retrain"


def test_regret_adds_up_over_nights_and_begins_again_after_a_training(make: Make) -> None:
    project = make(training_cost=2.5, cool_down_nights=0)
    nights = [NIGHT + timedelta(days=each) for each in range(5)]
    for night in nights:
        worse(project, night, performance=(performed(0.89, 0.90),))  # 0.01 x 100 rows a night
    found = [on(project, night) for night in nights]
    assert [round(each.regret, 6) for each in found] == [1, 2, 3, 1, 2]
    assert [each.decision for each in found] == [
        "stand_by", "stand_by", "retrain", "stand_by", "stand_by",
    ]  # fmt: skip


def test_better_nights_make_up_for_worse_ones_but_never_in_advance(make: Make) -> None:
    project = make(training_cost=100)
    nights = [NIGHT + timedelta(days=each) for each in range(3)]
    for night, value in zip(nights, (0.95, 0.88, 0.89), strict=True):
        worse(project, night, performance=(performed(value, 0.90),))
    assert [round(on(project, night).regret, 6) for night in nights] == [0, 2, 3]


def test_unknown_performance_adds_no_regret(make: Make) -> None:
    project = make()
    see(project, "unknown", performance=(performed(0.1, 0.9, n_rows=0, n_days=0),))
    assert on(project).regret == 0
