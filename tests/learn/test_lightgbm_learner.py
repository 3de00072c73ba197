from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from perennial.declare.model import Task
from perennial.declare.train import Train
from perennial.errors import IntegrityError, NotEnoughEvidenceError
from perennial.learn import version_files
from perennial.learn.contract import Evidence, Fitted
from perennial.learn.lightgbm_fitting import fit, held_out
from perennial.learn.lightgbm_learner import LightGBMLearner
from perennial.learn.loading import load_model

TASKS: tuple[Task, ...] = ("binary", "regression")


def declared(**stopping: Any) -> Train:
    return Train.model_validate(
        {
            "parameters": {"num_leaves": 7, "min_data_in_leaf": 5, "learning_rate": 0.2},
            "stopping": {"days": 3, "rounds": 5, "max_rounds": 40, **stopping},
        }
    )


def evidence(task: Task, n: int = 1000) -> Evidence:
    random = np.random.default_rng(3)
    x, letter = random.normal(size=n), random.choice(["a", "b", "c"], size=n)
    score = x + (letter == "a") + random.normal(scale=0.5, size=n)
    labels = (score > 0).astype(float) if task == "binary" else 10 + score
    days = np.datetime64("2024-01-01") + np.sort(random.integers(10, size=n))
    rows = pa.table({"x": x, "letter": letter, "noise": random.normal(size=n)})
    return Evidence(rows, labels, days.astype("datetime64[D]"))


def fitted(task: Task, **stopping: Any) -> Fitted:
    return fit(evidence(task), task, declared(**stopping), lambda n: None)


@pytest.mark.parametrize("task", TASKS)
def test_twice_gives_the_same_bytes(task: Task) -> None:
    assert fitted(task).learner.save() == fitted(task).learner.save()


@pytest.mark.parametrize("task", TASKS)
def test_saved_and_loaded_answers_alike(task: Task, tmp_path: Path) -> None:
    learner = fitted(task).learner
    version_files.write(tmp_path / "v", learner.save(), {})
    again = load_model(tmp_path / "v")
    rows = evidence(task).rows
    np.testing.assert_array_equal(again.predict(rows), learner.predict(rows))
    assert (again.task, again.features) == (task, ("x", "letter", "noise"))


@pytest.mark.parametrize("task", TASKS)
def test_base_and_contributions_sum_to_the_raw_score(task: Task) -> None:
    learner = fitted(task).learner
    assert isinstance(learner, LightGBMLearner)
    rows = [*evidence(task).rows.to_pylist(), {"x": None, "letter": "unknown", "noise": 0.0}]
    explained = learner.explain(rows)
    total = explained.base + explained.contributions.sum(axis=1)
    np.testing.assert_allclose(total, learner.raw_scores(rows), atol=1e-9)
    scores = 1 / (1 + np.exp(-total)) if task == "binary" else total
    np.testing.assert_allclose(scores, learner.predict(rows), atol=1e-9)


def test_a_row_alone_is_answered_as_in_a_batch() -> None:
    learner = fitted("binary").learner
    rows = evidence("binary", 2000).rows
    together = learner.predict(rows)
    alone = np.concatenate([learner.predict([row]) for row in rows.slice(0, 50).to_pylist()])
    np.testing.assert_array_equal(alone, together[:50])


def test_no_rows_give_no_answers() -> None:
    assert fitted("binary").learner.predict([]).shape == (0,)


def test_it_learns_and_knows_what_matters() -> None:
    result = fitted("regression")
    rows = evidence("regression")
    error = result.learner.predict(rows.rows) - rows.labels
    assert np.sqrt(np.mean(error**2)) < 0.65
    importance = result.learner.importance()
    assert sum(importance.values()) == pytest.approx(1)
    assert importance["x"] > importance["noise"]


def test_it_stops_on_the_last_days() -> None:
    result = fitted("binary", max_rounds=2000)
    assert result.is_stopped_early
    assert result.n_rounds == 1 + int(np.argmin(result.curve.validation))
    assert result.curve.metric == "binary_logloss"


def test_max_rounds_is_told_apart_from_early_stopping() -> None:
    result = fitted("binary", max_rounds=3)
    assert not result.is_stopped_early
    assert len(result.curve.validation) == 3


def test_refit_learns_from_the_held_out_days_too() -> None:
    with_all, without = fitted("binary"), fitted("binary", refit=False)
    assert with_all.n_rounds == without.n_rounds
    assert with_all.learner.save()["model.txt"] != without.learner.save()["model.txt"]


def test_poisoned_late_labels_stop_it_at_once() -> None:
    given = evidence("binary")
    is_late = held_out(given.days, 3)
    turned = np.where(is_late, 1 - given.labels, given.labels)
    poisoned = fit(Evidence(given.rows, turned, given.days), "binary", declared(), lambda n: None)
    assert poisoned.n_rounds == 1


def test_one_class_is_not_enough_evidence() -> None:
    given = evidence("binary")
    with pytest.raises(NotEnoughEvidenceError, match="labels of the days learned from are 1"):
        fit(Evidence(given.rows, np.ones(1000), given.days), "binary", declared(), lambda n: None)
    late = np.where(held_out(given.days, 3), 0.0, given.labels)
    with pytest.raises(NotEnoughEvidenceError, match="the last 3 days are 0"):
        fit(Evidence(given.rows, late, given.days), "binary", declared(), lambda n: None)


def test_too_few_days_are_not_enough_evidence() -> None:
    with pytest.raises(NotEnoughEvidenceError, match="nothing is left to learn from"):
        fitted("binary", days=10)


def test_unnamed_family_is_refused(tmp_path: Path) -> None:
    version_files.write(tmp_path / "v", {"features.json": b"{}"}, {})
    with pytest.raises(IntegrityError, match="names no family"):
        load_model(tmp_path / "v")
