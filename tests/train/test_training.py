from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from perennial.errors import ContractBrokenError, DeclarationError, NotEnoughEvidenceError
from perennial.learn.loading import load_model
from perennial.train import Trained, train
from perennial.train.candidate import candidate_folder, read_candidate
from perennial.train.registry import Registry

AT = "2024-01-21"


class NoRegistry:
    """Stands in for MLflow, whose import and first use take seconds."""

    def __init__(self, project: Any) -> None:
        self.registered: list[str] = []

    def register(self, trained: Trained, curve: Any) -> int:
        return 1


@pytest.fixture(autouse=True)
def _no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perennial.train.registry.Registry", NoRegistry)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_twice_gives_the_same_report_and_the_same_files(make_project: Any, task: str) -> None:
    project = make_project(task=task)
    first = train("ripeness", AT, project=project)
    files = dict(read_candidate(project, "ripeness").files)
    assert train("ripeness", AT, project=project) == first
    assert dict(read_candidate(project, "ripeness").files) == files
    assert first.digest.startswith(first.version)


def test_the_candidate_answers(make_project: Any) -> None:
    project = make_project()
    trained = train("ripeness", AT, project=project)
    learner = load_model(candidate_folder(project, "ripeness"))
    assert learner.features == ("sweetness", "weight_grams", "colour", "is_washed")
    rows = [
        {"sweetness": x, "weight_grams": 100, "colour": "red", "is_washed": True} for x in (-3, 3)
    ]
    low, high = learner.predict(rows)
    assert low < trained.mean_label < high


def test_order_of_the_rows_in_a_file_does_not_matter(make_project: Any) -> None:
    straight = train("ripeness", AT, project=make_project())
    turned = make_project(rows=lambda _, table: table.take(list(range(table.num_rows))[::-1]))
    assert train("ripeness", AT, project=turned).digest == straight.digest


def test_only_labels_known_by_the_date_are_learned_from(make_project: Any) -> None:
    def rows(day: date, table: pa.Table) -> pa.Table:
        labels = table["label"].to_pylist()
        labels[0] = None  # has no label
        known = table["label_known_at"].to_pylist()
        known[1] += timedelta(days=30)  # known too late
        known[2] = None  # nobody knows when
        exactly = known[3].replace(2024, 1, 21, hour=0, minute=0, second=0, microsecond=0)
        known[3] = exactly  # known at that very moment: counts
        known[4] = exactly + timedelta(microseconds=1)
        columns = {"label": labels, "label_known_at": known}
        for name, values in columns.items():
            place = table.column_names.index(name)
            table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
        return table

    trained = train("ripeness", AT, project=make_project(rows=rows, rows_per_day=20))
    late_today = trained.n_not_yet_known - 3 * 20  # asked within three hours of midnight
    assert trained.n_unlabelled == 20
    assert 0 <= late_today <= 20
    assert trained.n_rows + trained.n_unlabelled + trained.n_not_yet_known == 20 * 20


def test_days_from_the_date_on_are_not_read(make_project: Any) -> None:
    with_future = train("ripeness", AT, project=make_project(n_days=30))
    project = make_project(n_days=30)
    for day in (project.lake / "training" / "ripeness").glob("day=*"):
        if day.name >= f"day={AT}":
            (day / "part-0.parquet").write_bytes(b"not even Parquet")
    assert train("ripeness", AT, project=project) == with_future


def test_window_bounds_what_is_read(make_project: Any) -> None:
    stopping = {"days": 2, "rounds": 5, "max_rounds": 10}
    project = make_project(train={"window_days": 7, "stopping": stopping})
    trained = train("ripeness", AT, project=project)
    assert (trained.window_start, trained.window_end) == (date(2024, 1, 14), date(2024, 1, 21))
    assert trained.n_rows + trained.n_not_yet_known == 7 * 60


def test_other_data_give_another_digest_and_data_hash(make_project: Any) -> None:
    first = train("ripeness", AT, project=make_project(seed=1))
    second = train("ripeness", AT, project=make_project(seed=2))
    assert first.digest != second.digest
    assert first.lineage.data_hash != second.lineage.data_hash
    assert first.lineage.environment == second.lineage.environment


def test_too_few_rows_say_why(make_project: Any) -> None:
    project = make_project(rows_per_day=4)
    with pytest.raises(NotEnoughEvidenceError, match=r"at least 100 are needed"):
        train("ripeness", AT, project=project)


def test_no_rows_at_all_say_what_is_there(make_project: Any) -> None:
    project = make_project(n_days=3)
    with pytest.raises(NotEnoughEvidenceError, match="run features for that period"):
        train("ripeness", "2024-01-01", project=project)


def test_one_class_only_is_not_enough_evidence(make_project: Any) -> None:
    def rows(_: date, table: pa.Table) -> pa.Table:
        ones = pa.array(np.ones(table.num_rows))
        return table.set_column(table.column_names.index("label"), "label", ones)

    with pytest.raises(NotEnoughEvidenceError, match="two classes"):
        train("ripeness", AT, project=make_project(rows=rows))


def test_strange_labels_break_the_contract(make_project: Any) -> None:
    def rows(_: date, table: pa.Table) -> pa.Table:
        twos = pa.array(np.full(table.num_rows, 2.0))
        return table.set_column(table.column_names.index("label"), "label", twos)

    with pytest.raises(ContractBrokenError, match="labels must be 0 or 1, got 2"):
        train("ripeness", AT, project=make_project(rows=rows))


def test_missing_columns_break_the_contract(make_project: Any) -> None:
    project = make_project(rows=lambda _, table: table.drop_columns(["label_known_at"]))
    with pytest.raises(ContractBrokenError, match="must have the columns"):
        train("ripeness", AT, project=project)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"num_leafs": 3}, 'did you mean "num_leaves"'),
        ({"random_state": 3}, "declare train.seed"),
        ({"objective": "poisson"}, "must be one of binary"),
        ({"boosting": "dart"}, "must be gbdt"),
    ],
)
def test_wrong_parameters_are_refused_when_read(
    make_project: Any, parameters: dict[str, Any], said: str
) -> None:
    project = make_project(train={"parameters": parameters})
    with pytest.raises(DeclarationError, match=said):
        train("ripeness", AT, project=project)


def test_story_and_plots_tell_how_it_came_about(make_project: Any) -> None:
    project = make_project()
    trained = train("ripeness", AT, project=project)
    story = json.loads(read_candidate(project, "ripeness").files["training.json"])
    assert story["window_end"] == AT
    assert story["lineage"]["data_hash"] == trained.lineage.data_hash
    plots = project.var / "reports" / "plots" / "ripeness"
    curve = json.loads((plots / "learning_curve.json").read_text())
    assert curve == story["learning_curve"]
    assert curve[trained.n_rounds - 1]["validation"] == pytest.approx(trained.validation_loss)
    importance = json.loads((plots / "importance.json").read_text())
    assert importance[0]["feature"] == "sweetness"
    assert sum(each["share"] for each in importance) == pytest.approx(1)


def test_report_and_files_name_no_path_of_the_machine(make_project: Any) -> None:
    project = make_project()
    trained = train("ripeness", AT, project=project)
    everything = b"".join(read_candidate(project, "ripeness").files.values())
    assert str(project.root) not in trained.model_dump_json()
    assert str(project.root).encode() not in everything


def test_registry_can_be_imported_without_mlflow() -> None:
    assert Registry.__module__ == "perennial.train.registry"
