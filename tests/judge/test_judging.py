from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from perennial.declare.project import Project
from perennial.errors import DeclarationError, IntegrityError, NotEnoughEvidenceError
from perennial.judge import Judged, judge
from perennial.keep.ledger import Ledger, serving
from perennial.learn.version_files import read
from perennial.train import train
from perennial.train.candidate import candidate_folder

LEARN, JUDGE = "2024-01-21", "2024-01-31"


def serve_candidate(project: Project) -> str:
    """Let the present candidate be what serves, as a release would."""
    version = read(candidate_folder(project, "ripeness")).version
    ledger = Ledger.of(project)
    ledger.reserve("ripeness", 4000)
    ledger.set_slot("ripeness", "blue", version, "proven")
    ledger.route("ripeness", "blue", version, "test", "test")
    now = serving(project, "ripeness")
    assert now is not None
    shutil.copytree(candidate_folder(project, "ripeness"), now.version_folder, dirs_exist_ok=True)
    return version


def judged(project: Project) -> Judged:
    train("ripeness", LEARN, project=project)
    return judge("ripeness", JUDGE, project=project)


def replaced(table: pa.Table, name: str, values: Any) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, name, pa.array(values, table.schema.field(name).type))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_good_model_is_blessed_and_twice_is_the_same(make_project: Any, task: str) -> None:
    project = make_project(task=task)
    first = judged(project)
    assert first.verdict == "blessed", first.reasons
    assert "nothing serves yet, so there is no champion to beat" in first.reasons
    assert [each.name for each in first.opponents] == ["rate_by_colour", "yesterday"]
    assert judge("ripeness", JUDGE, project=project) == first
    assert Judged.model_validate_json(first.model_dump_json()) == first


def test_metrics_are_those_of_the_declaration_with_intervals_by_day(make_project: Any) -> None:
    report = judged(make_project())
    assert list(report.metrics) == ["roc_auc", "log_loss"]
    for value in report.metrics.values():
        assert value.low is not None
        assert value.estimate is not None
        assert value.high is not None
        assert value.low < value.estimate < value.high
    assert (report.n_days, report.judged_from) == (10, date(2024, 1, 21))
    assert report.learned_until <= report.judged_from


def test_slices_cover_every_row_missing_ones_too(make_project: Any) -> None:
    report = judged(make_project())
    assert {each.value for each in report.slices} == {"green", "yellow", "red", None}
    assert sum(each.n_rows for each in report.slices) == report.n_rows
    assert [each.n_rows for each in report.slices] == sorted(
        (each.n_rows for each in report.slices), reverse=True
    )


def test_labels_that_are_known_later_are_not_judged_by(make_project: Any) -> None:
    def rows(day: date, table: pa.Table) -> pa.Table:
        known = [moment + timedelta(days=60) for moment in table["label_known_at"].to_pylist()]
        return replaced(table, "label_known_at", known) if day == date(2024, 1, 25) else table

    project = make_project(rows=rows)
    report = judged(project)
    assert report.n_not_yet_known >= 60
    assert report.n_days == 9


def test_days_that_were_learned_from_cannot_be_judged_on(make_project: Any) -> None:
    project = make_project()
    train("ripeness", LEARN, project=project)
    said = r"2024-01-01 <= day < 2024-01-21, which leaves 6 days before 2024-01-27.*at 2024-01-28"
    with pytest.raises(NotEnoughEvidenceError, match=said):
        judge("ripeness", "2024-01-27", project=project)
    assert judge("ripeness", "2024-01-28", project=project).judged_from == date(2024, 1, 21)


def test_shuffled_labels_are_refused(make_project: Any) -> None:
    random = np.random.default_rng(0)

    def rows(day: date, table: pa.Table) -> pa.Table:
        shuffled = random.permutation(table["label"].to_numpy())
        return replaced(table, "label", shuffled) if day < date(2024, 1, 21) else table

    report = judged(make_project(rows=rows))
    assert report.verdict == "refused"
    assert any("the baseline rate_by_colour" in each for each in report.reasons)


def test_poisoned_labels_are_refused(make_project: Any) -> None:
    random = np.random.default_rng(0)

    def rows(day: date, table: pa.Table) -> pa.Table:
        labels = table["label"].to_numpy()
        sweet = np.nan_to_num(table["sweetness"].to_numpy()) > 0
        is_turned = sweet & (random.random(table.num_rows) < 0.9)  # the sweet are called unripe
        turned = np.where(is_turned, 0.0, labels)
        return replaced(table, "label", turned) if day < date(2024, 1, 21) else table

    limits = {"limits": {"roc_auc": 0.8}}
    project = make_project(rows=rows)
    base = project.model("ripeness").judge.model_dump(mode="json")
    project = make_project(rows=rows, judge={**base, **limits})
    report = judged(project)
    assert report.verdict == "refused"
    assert any("judge.limits asks for at least 0.8" in each for each in report.reasons)


@pytest.mark.parametrize(
    ("fields", "verdict", "said"),
    [
        ({"min_rows": 5000}, "not_enough_evidence", "judge.min_rows asks for 5000"),
        ({"limits": {"log_loss": 0.01}}, "refused", "asks for at most 0.01"),
    ],
)
def test_each_reason_is_told(
    make_project: Any, fields: dict[str, Any], verdict: str, said: str
) -> None:
    base = make_project().model("ripeness").judge.model_dump(mode="json")
    report = judged(make_project(judge={**base, **fields}))
    assert report.verdict == verdict
    assert any(said in each for each in report.reasons)


def test_too_few_days_with_labels_bound_nothing(make_project: Any) -> None:
    def rows(day: date, table: pa.Table) -> pa.Table:
        nothing = [None] * table.num_rows
        return replaced(table, "label", nothing) if day >= date(2024, 1, 25) else table

    report = judged(make_project(rows=rows))
    assert (report.verdict, report.n_days) == ("not_enough_evidence", 4)
    assert any("too few days to bound" in each for each in report.reasons)


def test_a_champion_that_knows_the_judged_days_refuses_nobody(make_project: Any) -> None:
    project = make_project()
    train("ripeness", "2024-01-28", project=project)
    version = serve_candidate(project)
    report = judged(project)
    (check,) = (each for each in report.checks if each.name == f"champion {version}")
    assert (report.verdict, check.outcome) == ("not_enough_evidence", "unknown")
    told = f"{version} has learned from the judged days before 2024-01-28, so that this comparison"
    assert told in check.sentence


def test_a_win_against_a_champion_that_knows_the_judged_days_counts(make_project: Any) -> None:
    weak = {"train": {"parameters": {"num_leaves": 2}, "stopping": {"days": 4, "max_rounds": 2}}}
    train("ripeness", "2024-01-28", project=make_project(**weak))
    version = serve_candidate(make_project(**weak))
    report = judged(make_project())
    assert report.verdict == "blessed", report.reasons
    assert any(f"{version} has learned from the judged days" in each for each in report.reasons)


def test_one_class_is_not_enough_evidence(make_project: Any) -> None:
    def rows(day: date, table: pa.Table) -> pa.Table:
        zeros = np.zeros(table.num_rows)
        return replaced(table, "label", zeros) if day >= date(2024, 1, 21) else table

    report = judged(make_project(rows=rows))
    assert (report.verdict, report.metrics) == ("not_enough_evidence", {})
    assert report.reasons[0].startswith("all ")


def test_answers_that_are_no_numbers_are_refused_before_anything(
    make_project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def predict(self, rows: Any) -> Any:
            return np.full(rows.num_rows, np.nan)

    project = make_project()
    train("ripeness", LEARN, project=project)
    monkeypatch.setattr("perennial.judge.judging.parse_model", lambda version: Broken())
    report = judge("ripeness", JUDGE, project=project)
    assert (report.verdict, len(report.checks)) == ("refused", 1)
    assert "are not numbers" in report.reasons[0]


def test_what_serves_is_not_compared_with_itself(make_project: Any) -> None:
    project = make_project()
    train("ripeness", LEARN, project=project)
    version = serve_candidate(project)
    report = judge("ripeness", JUDGE, project=project)
    assert (report.verdict, report.champion) == ("blessed", version)
    assert f"{version} is what serves already, so nothing is replaced" in report.reasons


def test_a_worse_candidate_is_refused_and_a_better_one_blessed(make_project: Any) -> None:
    weak = {"train": {"parameters": {"num_leaves": 2}, "stopping": {"days": 4, "max_rounds": 2}}}
    strong = make_project()
    train("ripeness", LEARN, project=strong)
    better = serve_candidate(strong)
    worse = judged(make_project(**weak))
    assert worse.verdict == "refused"
    words = f"no better than that of {better}, which serves now"
    assert any(words in each for each in worse.reasons), worse.reasons
    worse_version = serve_candidate(strong)
    again = judged(make_project())
    assert (again.verdict, again.champion) == ("blessed", worse_version), again.reasons


def test_margin_lets_an_equal_one_pass(make_project: Any) -> None:
    project = make_project()
    train("ripeness", "2024-01-19", project=project)
    serve_candidate(project)
    tie = judged(project)
    assert tie.verdict == "refused"
    base = project.model("ripeness").judge.model_dump(mode="json")
    allowed = judged(make_project(judge={**base, "margin": 0.05}))
    assert allowed.verdict == "blessed", allowed.reasons


def test_champion_with_other_features_leaves_it_open(make_project: Any) -> None:
    project = make_project()
    train("ripeness", LEARN, project=project)
    version = serve_candidate(project)
    fewer = make_project(rows=lambda _, table: table.drop_columns(["is_washed"]))
    report = judged(fewer)
    assert report.verdict == "not_enough_evidence"
    assert report.reasons[0].startswith(f"{version} cannot answer these rows: the rows have no")


def test_tampered_champion_is_never_parsed(make_project: Any) -> None:
    project = make_project()
    train("ripeness", "2024-01-19", project=project)
    serve_candidate(project)
    now = serving(project, "ripeness")
    assert now is not None
    (now.version_folder / "model.txt").write_text("tree")
    with pytest.raises(IntegrityError, match=r"model\.txt differs"):
        judged(project)


def test_columns_that_are_no_features_are_all_told(make_project: Any) -> None:
    base = make_project().model("ripeness").judge.model_dump(mode="json")
    wrong = {"slices": ["color"], "baselines": [{"kind": "rate_by", "columns": ["taste"]}]}
    with pytest.raises(DeclarationError) as caught:
        judged(make_project(judge={**base, **wrong}))
    assert len(caught.value.mistakes) == 2
    assert 'did you mean "colour"?' in caught.value.mistakes[0]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_plots_are_small_lists_of_records(make_project: Any, task: str) -> None:
    project = make_project(task=task)
    judged(project)
    folder = project.var / "reports" / "plots" / "ripeness"
    calibration = json.loads((folder / "calibration.json").read_text())
    assert sum(each["n_rows"] for each in calibration) > 500
    assert (folder / "roc.json").exists() == (task == "binary")
    if task == "binary":
        points = json.loads((folder / "roc.json").read_text())
        ends = [points[0], points[-1]]
        assert [list(each.values()) for each in ends] == [[0, 0], [1, 1]]
        assert len(points) <= 200
