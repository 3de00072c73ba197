"""What `train` does with `until`, `strategy` and `window_days`, and with what serves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial.declare.project import Project
from perennial.errors import (
    ContractBrokenError,
    DeclarationError,
    IntegrityError,
    NotEnoughEvidenceError,
    UnavailableError,
)
from perennial.keep import partitions
from perennial.keep.ledger import serving
from perennial.learn.loading import load_model, parse_model
from perennial.measure.metrics import METRICS
from perennial.train import Trained, train
from perennial.train.candidate import read_candidate
from perennial.train.champion import read_champion
from perennial.train.labelled_rows import read_labelled
from perennial.train.recent import read_recent
from perennial.train.trained import Asked, Tried
from perennial.train.updating import Attempt, choose

pytestmark = pytest.mark.usefixtures("no_registry")

Serve = Callable[[Project], str]
LEARN, DRIFT, UNTIL, AT = "2024-01-21", date(2024, 1, 21), "2024-02-05", "2024-02-12"
UPDATE = {"days": 14, "max_rounds": 40, "older_days": 7, "max_forgetting": 0.05}


def drifting(day: date, table: pa.Table) -> pa.Table:
    """From DRIFT on everything is riper by as much as would make half of the rows change."""
    if day < DRIFT:
        return table
    raw = 1.5 * np.nan_to_num(table["sweetness"].to_numpy()) + 1.5
    return relabelled(table, (raw > 0).astype(float))


def turned(day: date, table: pa.Table) -> pa.Table:
    """From DRIFT on the opposite is true."""
    return table if day < DRIFT else relabelled(table, 1 - table["label"].to_numpy())


def relabelled(table: pa.Table, labels: Any) -> pa.Table:
    place = table.column_names.index("label")
    return table.set_column(place, "label", pa.array(labels, pa.float64()))


@pytest.fixture
def lived(make_project: Any, serve: Serve) -> Callable[..., Project]:
    """A function that makes a project whose champion learned before DRIFT, and 43 days."""

    def made(rows: Any = drifting, task: str = "binary", **update: Any) -> Project:
        base = {
            "parameters": {"num_leaves": 7, "learning_rate": 0.2, "min_data_in_leaf": 5},
            "stopping": {"days": 4, "rounds": 5, "max_rounds": 40},
        }
        project: Project = make_project(
            rows=rows, task=task, n_days=43, train={**base, "update": {**UPDATE, **update}}
        )
        train("ripeness", LEARN, project=project)
        serve(project)
        return project

    return made


def learn(project: Project, strategy: str = "stateful", **more: str) -> Trained:
    return train("ripeness", AT, **{"until": UNTIL, **more}, strategy=strategy, project=project)


def metric(project: Project, learner: Any, name: str, start: str = UNTIL, end: str = AT) -> float:
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    rows = read_labelled(project, project.model("ripeness"), first, last, known_by=last)
    return METRICS[name].function(rows.labels, learner.predict(rows.features))


def champion(project: Project) -> Any:
    now = serving(project, "ripeness")
    assert now is not None
    return load_model(now.version_folder)


def candidate(project: Project) -> Any:
    return parse_model(read_candidate(project, "ripeness"))


# Until when, how, from how many days


def test_until_leaves_days_out_and_labels_are_those_known_at_the_night(make_project: Any) -> None:
    def a_day_later(_: date, table: pa.Table) -> pa.Table:
        place = table.column_names.index("label_known_at")
        known = [each + timedelta(days=1) for each in table["label_known_at"].to_pylist()]
        return table.set_column(place, "label_known_at", pa.array(known))

    project = make_project(rows=a_day_later)
    trained = train("ripeness", "2024-01-25", until="2024-01-21", project=project)
    assert (trained.at, trained.window_end) == (date(2024, 1, 25), date(2024, 1, 21))
    assert trained.n_not_yet_known == 0
    assert train("ripeness", "2024-01-21", project=project).n_not_yet_known == 60


def test_until_the_night_is_what_is_meant_without_it(make_project: Any) -> None:
    project = make_project()
    first = train("ripeness", LEARN, project=project)
    assert train("ripeness", LEARN, until=LEARN, strategy="stateless", project=project) == first


def test_nothing_is_known_after_the_night(make_project: Any) -> None:
    with pytest.raises(NotEnoughEvidenceError, match="until must not be after at"):
        train("ripeness", LEARN, until="2024-01-22", project=make_project())


def test_a_window_that_is_given_goes_before_the_declared_one(make_project: Any) -> None:
    project = make_project()
    trained = train("ripeness", LEARN, window_days="10", project=project)
    assert (trained.window_start, trained.window_days) == (date(2024, 1, 11), 10)


@pytest.mark.parametrize("wrong", ["0", "-3", "1.5", "ten"])
def test_a_window_that_is_no_number_of_days_is_refused(make_project: Any, wrong: str) -> None:
    with pytest.raises(DeclarationError, match="whole number from 1"):
        train("ripeness", LEARN, window_days=wrong, project=make_project())


def test_an_unknown_strategy_is_refused(make_project: Any) -> None:
    with pytest.raises(
        DeclarationError, match=r"one of full, .*, got .fine_tune., did you mean .finetune"
    ):
        train("ripeness", LEARN, strategy="fine_tune", project=make_project())


@pytest.mark.parametrize("strategy", ["stateful", "recalibrate"])
def test_without_a_champion_there_is_nothing_to_go_on_from(
    make_project: Any, strategy: str
) -> None:
    with pytest.raises(UnavailableError, match="nothing serves, so there is no champion"):
        train("ripeness", LEARN, strategy=strategy, project=make_project())


def test_where_stateful_is_declared_the_first_version_is_learned_from_scratch(
    make_project: Any, serve: Serve
) -> None:
    stopping = {"days": 4, "rounds": 5, "max_rounds": 10}
    declared = {"strategy": "stateful", "stopping": stopping, "update": UPDATE}
    project = make_project(n_days=43, train=declared)
    first = train("ripeness", LEARN, project=project)
    assert (first.strategy, first.parent) == ("stateless", None)
    version = serve(project)
    second = train("ripeness", AT, until=UNTIL, project=project)
    assert (second.strategy, second.parent) == ("stateful", version)


def test_a_champion_with_other_features_cannot_go_on(lived: Any, make_project: Any) -> None:
    lived()
    fewer = make_project(n_days=43, rows=lambda _, table: table.drop_columns(["is_washed"]))
    with pytest.raises(ContractBrokenError, match="no column 'is_washed'"):
        learn(fewer)


def test_older_days_without_labels_measure_no_forgetting(lived: Any) -> None:
    project = lived()
    older = relabelled(pq.read_table(_file(project, date(2024, 1, 1))), [None] * 60)
    for day in range(1, 21):
        pq.write_table(older, _file(project, date(2024, 1, day)))
    with pytest.raises(NotEnoughEvidenceError, match="needed to measure forgetting"):
        learn(project)


def _file(project: Project, day: date) -> Path:
    return partitions.partition(project.lake / "training" / "ripeness", day)


# Update


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_an_update_on_a_drifted_stream_beats_the_champion_and_does_not_forget(
    lived: Any, task: str
) -> None:
    def riper(day: date, table: pa.Table) -> pa.Table:
        return table if day < DRIFT else relabelled(table, table["label"].to_numpy() + 1)

    project = lived(riper) if task == "regression" else lived()
    if task == "regression":
        project = lived(riper, task="regression", max_forgetting=2)
    trained = learn(project)
    loss = "log_loss" if task == "binary" else "rmse"
    better = metric(project, champion(project), loss) - metric(project, candidate(project), loss)
    assert better > 0.05
    bound = project.model("ripeness").train.update.max_forgetting
    chosen = next(each for each in trained.tried if trained.why.startswith(each.way))
    assert chosen.forgetting is not None
    assert chosen.forgetting <= bound


def test_an_update_tells_its_parent_its_window_and_what_was_tried(lived: Any) -> None:
    project = lived()
    parent = serving(project, "ripeness")
    trained = learn(project)
    assert parent is not None
    assert (trained.strategy, trained.parent) == ("stateful", parent.version)
    assert (trained.window_start, trained.window_end) == (date(2024, 1, 1), date(2024, 2, 5))
    assert trained.learned_from == date(2024, 1, 22)
    assert trained.n_rows == 14 * 60
    assert [each.way for each in trained.tried] == ["refit", "extend"]
    story = json.loads(read_candidate(project, "ripeness").files["training.json"])
    assert (story["parent"], story["strategy"]) == (parent.version, "stateful")
    assert (story["window_start"], story["window_end"]) == ("2024-01-01", UNTIL)
    assert trained.why


def test_the_same_update_twice_gives_the_same_bytes(lived: Any) -> None:
    project = lived()
    first = learn(project)
    files = dict(read_candidate(project, "ripeness").files)
    assert learn(project) == first
    assert dict(read_candidate(project, "ripeness").files) == files


def test_an_update_starts_from_what_serves_and_not_from_the_candidate(lived: Any) -> None:
    project = lived()
    first = learn(project)
    train("ripeness", "2024-01-15", project=project)  # another candidate lies there meanwhile
    assert learn(project) == first


@pytest.mark.parametrize("refit", [True, False])
def test_held_out_days_are_learned_from_in_the_end_only_where_declared(
    make_project: Any, serve: Serve, refit: bool
) -> None:
    def other(day: date, table: pa.Table) -> pa.Table:
        return turned(day, table) if day >= date(2024, 2, 1) else table

    digests = []
    for rows in (lambda day, table: table, other):  # the last four recent days differ
        stopping = {"days": 4, "rounds": 5, "max_rounds": 40, "refit": refit}
        update = {**UPDATE, "max_forgetting": 1.0, "max_rounds": 1}
        parameters = {"num_leaves": 7, "min_data_in_leaf": 5}
        declared = {"parameters": parameters, "stopping": stopping, "update": update}
        project = make_project(n_days=43, rows=rows, train=declared)
        train("ripeness", LEARN, project=project)
        if not digests:
            serve(project)
        trained = learn(project)
        digests.append((trained.why.partition(":")[0], trained.digest))
    if digests[0][0] == digests[1][0]:
        assert (digests[0][1] == digests[1][1]) == (not refit)


def test_an_update_that_forgets_is_refused_with_the_numbers(lived: Any) -> None:
    project = lived(turned, decay=0.0, max_forgetting=0.001)
    before = read_candidate(project, "ripeness").digest
    said = r"forgets too much of roc_auc.*refit 0\.\d+ of at most 0\.001; extend 0\.\d+ of"
    with pytest.raises(NotEnoughEvidenceError, match=said):
        learn(project)
    assert read_candidate(project, "ripeness").digest == before


def attempt(way: str, held_out: float, forgetting: float) -> Attempt:
    tried = Tried(
        way=way, metric="roc_auc", held_out=held_out, champion=0.5, forgetting=forgetting,
        n_rounds=1,
    )  # fmt: skip
    return Attempt(fitted=None, tried=tried)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("refit", "extend", "chosen"),
    [
        ((0.8, 0.0), (0.7, 0.0), "refit"),
        ((0.7, 0.0), (0.8, 0.0), "extend"),
        ((0.8, 0.06), (0.7, 0.0), "extend"),  # forgets too much
        ((0.8, 0.05), (0.7, 0.0), "refit"),  # as much as it may
        ((0.7, -0.1), (0.8, 0.06), "refit"),
        ((0.8, 0.0), (0.8, 0.0), "refit"),  # a tie goes to the one that grows nothing
    ],
)
def test_the_way_is_chosen_by_held_out_days_among_those_that_remember(
    make_project: Any, refit: tuple[float, float], extend: tuple[float, float], chosen: str
) -> None:
    model = make_project(n_days=0, train={"update": {"max_forgetting": 0.05}}).model("ripeness")
    attempts = [attempt("refit", *refit), attempt("extend", *extend)]
    assert choose(model, attempts).tried.way == chosen


def test_lower_is_better_where_the_metric_says_so(make_project: Any) -> None:
    model = make_project(n_days=0, task="regression").model("ripeness")
    attempts = [attempt("refit", 2.0, 0.0), attempt("extend", 1.0, 0.0)]
    assert choose(model, attempts).tried.way == "extend"


def test_no_new_day_is_nothing_to_go_on_with(lived: Any) -> None:
    with pytest.raises(NotEnoughEvidenceError, match="has learned until 2024-01-21, so there is"):
        learn(lived(), until=LEARN)


def test_without_older_days_forgetting_cannot_be_measured(lived: Any) -> None:
    with pytest.raises(NotEnoughEvidenceError, match="no older days on which forgetting"):
        learn(lived(), window_days="60")


@pytest.mark.parametrize(("until", "n_held_out"), [("2024-01-25", 2), ("2024-02-05", 4)])
def test_held_out_are_no_more_than_half_of_the_new_days(
    lived: Any, until: str, n_held_out: int
) -> None:
    project = lived()
    end = date.fromisoformat(until)
    asked = Asked(at=date.fromisoformat(AT), until=end, strategy="stateful", window_days=14)
    model = project.model("ripeness")
    recent = read_recent(project, model, read_champion(project, model), asked, only_new=False)
    assert recent.all.labels.size == 14 * 60
    assert recent.held_out.labels.size == n_held_out * 60
    assert recent.held_out.days.min() == np.datetime64(end - timedelta(days=n_held_out))
    assert recent.learned.days.max() < recent.held_out.days.min()


@pytest.mark.parametrize("strategy", ["stateful", "recalibrate"])
def test_one_class_of_recent_labels_is_not_enough(lived: Any, strategy: str) -> None:
    def ripe(day: date, table: pa.Table) -> pa.Table:
        return table if day < DRIFT else relabelled(table, np.ones(table.num_rows))

    with pytest.raises(NotEnoughEvidenceError, match="two classes are needed"):
        learn(lived(ripe), strategy)


@pytest.mark.parametrize("strategy", ["stateful", "recalibrate"])
def test_a_tampered_champion_is_never_parsed(lived: Any, strategy: str) -> None:
    project = lived()
    now = serving(project, "ripeness")
    assert now is not None
    (now.version_folder / "model.txt").write_text("tree")
    with pytest.raises(IntegrityError, match=r"model\.txt differs"):
        learn(project, strategy)


def test_categories_that_the_champion_knows_and_nobody_sees_now_keep_their_codes(
    lived: Any,
) -> None:
    def no_red(day: date, table: pa.Table) -> pa.Table:
        if day < DRIFT:
            return table
        place = table.column_names.index("colour")
        colours = [{"red": "blue"}.get(each, each) for each in table["colour"].to_pylist()]
        return drifting(day, table.set_column(place, "colour", pa.array(colours)))

    project = lived(no_red)
    learn(project)
    known = [each.vocabulary for each in candidate(project).encoding.features if each.vocabulary]
    assert known == [("green", "red", "yellow")]
    assert metric(project, candidate(project), "roc_auc") > 0.8


# Recalibrate


def test_recalibration_mends_a_shifted_level_and_keeps_the_ranking(lived: Any) -> None:
    project = lived()
    trained = learn(project, "recalibrate")
    old, new = champion(project), candidate(project)
    assert metric(project, new, "log_loss") < metric(project, old, "log_loss") - 0.05
    assert metric(project, new, "roc_auc") == pytest.approx(metric(project, old, "roc_auc"))
    assert trained.strategy == "recalibrate"
    assert "calibration.json" in read_candidate(project, "ripeness").files
    assert (
        trained.validation_loss
        < json.loads(read_candidate(project, "ripeness").files["training.json"])["learning_curve"][
            0
        ]["validation"]
    )


def test_recalibration_learns_from_new_days_only(lived: Any) -> None:
    trained = learn(lived(), "recalibrate", window_days="30")
    assert trained.learned_from == DRIFT
    assert trained.n_rows == 15 * 60
    assert (trained.window_start, trained.window_end) == (date(2024, 1, 1), date(2024, 2, 5))


def test_recalibrating_twice_gives_the_same_bytes(lived: Any) -> None:
    project = lived()
    assert learn(project, "recalibrate") == learn(project, "recalibrate")


def test_a_recalibrated_champion_goes_on_by_either_strategy(lived: Any, serve: Serve) -> None:
    project = lived()
    train("ripeness", AT, until="2024-01-30", strategy="recalibrate", project=project)
    version = serve(project)
    again = learn(project, "recalibrate")
    assert (again.parent, again.learned_from) == (version, date(2024, 1, 30))
    updated = learn(project)
    assert updated.parent == version
    assert "calibration.json" not in read_candidate(project, "ripeness").files
    old, new = champion(project), candidate(project)
    assert metric(project, new, "log_loss") < metric(project, old, "log_loss")


def test_too_few_new_labels_recalibrate_nothing(lived: Any) -> None:
    with pytest.raises(NotEnoughEvidenceError, match="at least 100 are needed"):
        learn(lived(), "recalibrate", until="2024-01-23")
