"""Tuning: folds in the order of time, a budget, and the same trials however often it is killed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from perennial.errors import BusyError, NotEnoughEvidenceError
from perennial.keep import locks
from perennial.measure.metrics import METRICS
from perennial.train.labelled_rows import read_labelled
from perennial.train.tuning import Tuned, budget, searching, tune
from perennial.train.tuning.folds import Past

AT = "2024-01-31"
LAST_DAY = date(2024, 1, 31)
TUNE = {
    "folds": 2, "days": 4, "confirm_days": 6, "trials": 4, "minutes": 10,
    "search": {
        "num_leaves": {"low": 2, "high": 15},
        "learning_rate": {"low": 0.05, "high": 0.5, "log": True},
    },
}  # fmt: skip
TRAIN = {
    "parameters": {"num_leaves": 7, "learning_rate": 0.2, "min_data_in_leaf": 5},
    "stopping": {"days": 4, "rounds": 3, "max_rounds": 10},
}


@pytest.fixture(autouse=True)
def _no_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow takes seconds; test_tuning_runs.py has the real one."""

    class NoRuns:
        def __init__(self, *_: Any) -> None: ...

        def write(self) -> None: ...

        def close(self, best: int) -> None: ...

    monkeypatch.setattr("perennial.train.tuning.runs.Runs", NoRuns)


@pytest.fixture
def make(make_project: Any) -> Any:
    def with_tune(*, tune: dict[str, Any] | None = None, **fields: Any) -> Any:
        train = {**TRAIN, "tune": {**TUNE, **(tune or {})}, **fields.pop("train", {})}
        return make_project(train=train, **fields)

    return with_tune


def test_the_declared_parameters_are_trial_0_and_the_rest_is_searched(make: Any) -> None:
    report = tune("ripeness", AT, project=make())
    assert (report.n_trials, report.ended) == (4, "trials")
    assert report.trials[0].parameters == {"learning_rate": 0.2, "num_leaves": 7}
    assert all(2 <= each.parameters["num_leaves"] <= 15 for each in report.trials)
    assert all(0.05 <= each.parameters["learning_rate"] <= 0.5 for each in report.trials)
    complete = [each for each in report.trials if each.state == "complete"]
    assert report.trials[report.best].value == max(each.value or 0 for each in complete)
    for each in complete:
        assert each.value == pytest.approx(np.mean(each.folds))
    assert report.parameters == {**TRAIN["parameters"], **report.found}


def test_twice_gives_the_same_report_and_learns_nothing(make: Any, monkeypatch: Any) -> None:
    project = make()
    first = tune("ripeness", AT, project=project)
    monkeypatch.setattr(searching, "answers_of", None)
    assert tune("ripeness", AT, project=project) == first


def test_a_rerun_with_more_trials_goes_on_as_if_it_had_been_one(make: Any) -> None:
    project = make()
    few = tune("ripeness", AT, trials=2, project=project)
    many = tune("ripeness", AT, project=project)
    assert (few.n_trials, many.n_trials) == (2, 4)
    assert many.trials[:2] == few.trials


def test_a_search_in_parts_is_the_search_in_one(make: Any, monkeypatch: Any) -> None:
    project = make()
    tune("ripeness", AT, trials=3, project=project)
    parts = tune("ripeness", AT, project=project)
    monkeypatch.setattr("perennial.keep.fingerprints.of_engine", lambda *packages: "another")
    whole = tune("ripeness", AT, project=project)
    assert whole.study != parts.study
    assert whole.model_copy(update={"study": parts.study}) == parts


def test_another_question_is_another_study(make: Any) -> None:
    project = make()
    reports = [tune("ripeness", AT, trials=1, project=project)]
    changes: list[dict[str, Any]] = [
        {"tune": {"search": {"num_leaves": {"low": 2, "high": 9}}}},
        {"tune": {"days": 3}},
        {"train": {"seed": 8}},
        {"train": {"parameters": {"num_leaves": 6}}},
        {"judge": {**project.model("ripeness").judge.model_dump(), "primary": "log_loss"}},
    ]
    reports += [tune("ripeness", AT, trials=1, project=make(**each)) for each in changes]
    reports.append(tune("ripeness", "2024-01-30", trials=1, project=make()))
    reports.append(tune("ripeness", AT, trials=1, project=make(seed=2)))
    assert len({each.study for each in reports}) == len(reports)
    assert tune("ripeness", AT, trials=1, project=make()) == reports[0]


def test_the_budget_itself_is_no_part_of_the_question(make: Any) -> None:
    few = tune("ripeness", AT, project=make(tune={"trials": 1}))
    assert few.study == tune("ripeness", AT, project=make(tune={"trials": 1, "minutes": 3})).study


def future(day: date, table: pa.Table) -> pa.Table:
    """A column that is the label on the days that the last fold judges, and noise before."""
    labels = np.asarray(table["label"])
    noise = np.random.default_rng(day.toordinal()).integers(0, 2, size=labels.size).astype(float)
    is_judged = day >= LAST_DAY - timedelta(days=6 + 4)
    return table.append_column("oracle", pa.array(labels if is_judged else noise))


def test_what_only_the_judged_days_reveal_does_not_help(make: Any) -> None:
    fold = {"folds": 1, "trials": 1}
    without = tune("ripeness", AT, project=make(tune=fold)).trials[0].value
    revealed = tune("ripeness", AT, project=make(tune=fold, rows=future)).trials[0].value
    assert without is not None
    assert revealed is not None
    assert revealed < without + 0.01


def late(day: date, table: pa.Table) -> pa.Table:
    """Every tenth label is known five days later."""
    column = table["label_known_at"].to_pylist()
    known = [each + timedelta(days=5) if n % 10 == 0 else each for n, each in enumerate(column)]
    place = table.column_names.index("label_known_at")
    return table.set_column(place, "label_known_at", pa.array(known, pa.timestamp("us", "UTC")))


@pytest.mark.parametrize("window_days", [None, 9])
def test_a_fold_learns_what_a_training_of_that_night_would(make: Any, window_days: Any) -> None:
    project = make(rows=late, train={"window_days": window_days})
    model = project.model("ripeness")
    past = Past(project, model, LAST_DAY)
    assert [fold.start for fold in past.folds] == [date(2024, 1, 17), date(2024, 1, 21)]
    for fold in (*past.folds, past.confirm):
        start = fold.start - timedelta(days=window_days) if window_days else None
        wanted = read_labelled(project, model, start, fold.start, known_by=fold.start)
        learned = past.learned(fold)
        assert learned.rows.to_pandas().equals(wanted.features.to_pandas())
        assert learned.labels.tolist() == wanted.labels.tolist()
        assert learned.days.max() < np.datetime64(fold.start)
        judged = past.judged(fold)
        assert set(judged.days.tolist()) <= {
            fold.start + timedelta(days=n) for n in range((fold.end - fold.start).days)
        }
        assert judged.labels.size > 0
    assert past.confirm.start == past.folds[-1].end


def test_the_folds_that_choose_never_see_the_days_that_confirm(make: Any) -> None:
    def turned(day: date, table: pa.Table) -> pa.Table:
        if day < LAST_DAY - timedelta(days=6):
            return table
        place = table.column_names.index("label")
        return table.set_column(place, "label", pa.array(1 - np.asarray(table["label"])))

    straight = tune("ripeness", AT, project=make())
    other = tune("ripeness", AT, project=make(rows=turned))
    assert straight.trials == other.trials
    assert straight.confirmed is not None
    assert other.confirmed is not None
    assert other.confirmed.declared.estimate == pytest.approx(
        1 - (straight.confirmed.declared.estimate or 0)
    )


class Scripted:
    """Stands in for learning: the answers are as good as `num_leaves` says, and take a minute."""

    def __init__(self, monkeypatch: Any) -> None:
        self.seconds, self.asked = 0.0, []
        monkeypatch.setattr(searching, "answers_of", self.answers)
        monkeypatch.setattr("perennial.train.tuning.confirming.answers_of", self.answers)
        monkeypatch.setattr(budget, "clock", lambda: self.seconds)

    def answers(self, past: Past, fold: Any, parameters: Any) -> Any:
        self.seconds += 60.0
        self.asked.append((fold.name, parameters))
        labels = past.judged(fold).labels
        noise = np.random.default_rng(len(labels)).random(labels.size)
        return noise + labels * parameters.get("num_leaves", 7) / 100


def test_minutes_end_it_before_the_trials_do(make: Any, monkeypatch: Any) -> None:
    scripted = Scripted(monkeypatch)
    project = make(tune={"trials": 50, "minutes": 7})
    report = tune("ripeness", AT, project=project)
    assert (report.ended, report.n_trials) == ("minutes", 3)  # two minutes each, one begun
    n_folds = sum(name.startswith("fold") for name, _ in scripted.asked)
    assert n_folds == 7
    again = tune("ripeness", AT, project=project)
    assert sum(name.startswith("fold") for name, _ in scripted.asked) == n_folds
    assert again == report
    more = tune("ripeness", AT, minutes=9, project=project)
    assert more.n_trials == 4  # the one that was begun is drawn again as it was
    begun = [each for name, each in scripted.asked if name.startswith("fold")][n_folds - 1]
    assert more.trials[3].parameters == begun


def test_the_declared_parameters_are_judged_whole_whatever_the_minutes(
    make: Any, monkeypatch: Any
) -> None:
    Scripted(monkeypatch)
    report = tune("ripeness", AT, minutes=0.01, project=make())
    assert (report.n_trials, report.ended, report.best) == (1, "minutes", 0)
    assert (report.verdict, report.confirmed, report.on_folds) == ("declared", None, None)
    assert report.says.startswith("only the declared parameters were judged")


def test_what_is_worse_than_the_median_is_pruned(make: Any, monkeypatch: Any) -> None:
    scripted = Scripted(monkeypatch)
    report = tune("ripeness", AT, trials=14, minutes=100, project=make())
    assert report.n_pruned > 0
    for each in report.trials:
        assert len(each.folds) == (2 if each.state == "complete" else 1)
        assert bool(each.why) == (each.state == "pruned")
    complete = [each for each in report.trials if each.state == "complete"]
    assert report.found["num_leaves"] == max(each.parameters["num_leaves"] for each in complete)
    n_folds = sum(name.startswith("fold") for name, _ in scripted.asked)
    assert n_folds == 14 * 2 - report.n_pruned


def test_the_best_is_confirmed_when_it_is_really_better(make: Any, monkeypatch: Any) -> None:
    Scripted(monkeypatch)
    report = tune("ripeness", AT, trials=8, minutes=100, project=make())
    assert report.verdict == "better"
    assert report.confirmed is not None
    assert report.confirmed.difference.low is not None
    assert report.confirmed.difference.low > 0
    assert "better beyond doubt" in report.says


@pytest.mark.parametrize(("days", "says"), [(6, "cannot be told"), (3, "too few days")])
def test_a_winner_by_luck_is_not_called_better(
    make: Any, monkeypatch: Any, days: int, says: str
) -> None:
    def lucky(past: Past, fold: Any, parameters: Any) -> Any:
        labels = past.judged(fold).labels
        seed = [labels.size, parameters.get("num_leaves", 7)]
        return np.random.default_rng(seed).random(labels.size)

    monkeypatch.setattr(searching, "answers_of", lucky)
    monkeypatch.setattr("perennial.train.tuning.confirming.answers_of", lucky)
    report = tune("ripeness", AT, trials=10, project=make(tune={"confirm_days": days}))
    assert report.best > 0
    assert report.verdict == "not_told_apart"
    assert says in report.says


def test_answers_that_are_no_numbers_end_a_trial_and_not_the_search(
    make: Any, monkeypatch: Any
) -> None:
    def diverges(past: Past, fold: Any, parameters: Any) -> Any:
        labels = past.judged(fold).labels
        is_bad = parameters and parameters["num_leaves"] != 7
        return np.full(labels.size, np.nan) if is_bad else labels

    monkeypatch.setattr(searching, "answers_of", diverges)
    report = tune("ripeness", AT, project=make())
    assert (report.n_trials, report.best) == (4, 0)
    assert any("is not defined on fold 1 of 2" in each.why for each in report.trials)


def test_declared_parameters_that_give_no_numbers_are_told(make: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(
        searching, "answers_of", lambda past, fold, _: np.full(past.n_rows(fold)[1], np.nan)
    )
    with pytest.raises(NotEnoughEvidenceError, match="with the declared parameters roc_auc is not"):
        tune("ripeness", AT, project=make())


def one_class(first: date, last: date) -> Any:
    def change(day: date, table: pa.Table) -> pa.Table:
        if not first <= day <= last:
            return table
        place = table.column_names.index("label")
        return table.set_column(place, "label", pa.array(np.ones(table.num_rows)))

    return change


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ((1, 21), (1, 24), r"fold 2 of 2 .* all 240 labels of the days judged on are 1"),
        ((1, 25), (1, 30), r"the days that confirm .* all 360 labels of the days judged on are 1"),
        ((1, 1), (1, 16), r"fold 1 of 2 .* labels of the days learned from are 1"),
        ((1, 17), (1, 20), r"fold 1 of 2 .* all 240 labels of the days judged on are 1"),
        ((1, 13), (1, 16), r"fold 1 of 2, which learns .* labels of the last 4 days are 1"),
    ],
)
def test_folds_of_one_class_are_refused(make: Any, first: Any, last: Any, says: str) -> None:
    project = make(rows=one_class(date(2024, *first), date(2024, *last)))
    with pytest.raises(NotEnoughEvidenceError, match=says):
        tune("ripeness", AT, project=project)


def test_too_short_a_past_is_refused(make: Any) -> None:
    with pytest.raises(NotEnoughEvidenceError, match="fewer or shorter folds"):
        tune("ripeness", AT, project=make(tune={"folds": 6}))
    with pytest.raises(NotEnoughEvidenceError, match="0 to be judged on"):
        tune("ripeness", "2024-02-10", project=make())


def test_one_process_at_a_time_tunes_a_model(make: Any) -> None:
    project = make()
    with (
        locks.exclusive(project.var / "locks", "tune-ripeness"),
        pytest.raises(BusyError, match="tune-ripeness"),
    ):
        tune("ripeness", AT, project=project)


def test_a_number_to_be_made_small_is_tuned_too(make: Any) -> None:
    report = tune("ripeness", AT, project=make(task="regression"))
    values = [each.value for each in report.trials if each.value is not None]
    assert (report.metric, report.direction) == ("rmse", "lower")
    assert report.trials[report.best].value == min(values)


def test_the_same_metric_is_found_by_hand(make: Any) -> None:
    project = make(tune={"trials": 1})
    report: Tuned = tune("ripeness", AT, project=project)
    from perennial.learn.lightgbm_fitting import fit

    model = project.model("ripeness")
    past = Past(project, model, LAST_DAY)
    for fold, told in zip(past.folds, report.trials[0].folds, strict=True):
        fitted = fit(past.learned(fold), "binary", model.train, lambda _: None)
        judged = past.judged(fold)
        found = METRICS["roc_auc"].function(judged.labels, fitted.learner.predict(judged.rows))
        assert told == found


def test_a_network_is_tuned_too(make: Any) -> None:
    small = {"width": 8, "blocks": 1, "embedding": 2, "frequencies": 2, "numeric_embedding": 2,
             "epochs": 2, "batch": 256, "dropout": 0.1}  # fmt: skip
    searched = {"width": {"low": 4, "high": 16}, "dropout": {"choices": [0.0, 0.2]}}
    project = make(
        train={"learner": "torch", "parameters": small},
        tune={"trials": 2, "folds": 1, "search": searched},
    )
    report = tune("ripeness", AT, project=project)
    assert (report.learner, report.n_trials) == ("torch", 2)
    assert report.trials[0].parameters == {"dropout": 0.1, "width": 8}
    assert report.trials[1].parameters["dropout"] in (0.0, 0.2)
    assert tune("ripeness", AT, project=project) == report
